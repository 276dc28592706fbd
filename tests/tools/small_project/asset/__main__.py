print("dist/function.zip")
