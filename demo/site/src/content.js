// Change the headline, upload the project again, and only the files that it touches are sent.
export const headline = "Upload a zip. Get a site.";

export const lead =
  "This page was a zip a moment ago. Its arrival in the source bucket woke a function, the function ran npm, " +
  "and the CDN now serves the files that came out.";

export const journeys = [
  {
    title: "First upload",
    steps: [
      { where: "Source bucket", what: "takes the project and tells the function" },
      { where: "Function", what: "unpacks it, runs npm ci and the build as an unprivileged user" },
      { where: "Site bucket", what: "keeps the output: hashed files first, HTML last" },
      { where: "CDN", what: "serves it from a bucket that nobody else can read" },
    ],
  },
  {
    title: "Changed text",
    steps: [
      { where: "Source bucket", what: "takes the project again" },
      { where: "Function", what: "builds it, and compares each file with what is published" },
      { where: "Site bucket", what: "gets the files that differ; React itself stays" },
      { where: "CDN", what: "forgets exactly the addresses that changed" },
    ],
  },
  {
    title: "Broken build",
    steps: [
      { where: "Source bucket", what: "takes the project" },
      { where: "Function", what: "ends the build, with its last words in the log" },
      { where: "Site bucket", what: "stays as it was" },
      { where: "CDN", what: "goes on serving the page of before" },
    ],
  },
];

export const promises = [
  { title: "Only what changed", text: "Files go out by their hash. Nothing changed, nothing sent." },
  { title: "Never half a site", text: "A page appears after everything that it refers to." },
  { title: "No keys in the build", text: "An npm script finds no cloud credential, wherever it looks." },
];
