"""CloudFront and Lambda@Edge."""
