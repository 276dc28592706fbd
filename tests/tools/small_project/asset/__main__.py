import sys

print(*sys.argv[1:])
print("dist/function.zip")
