print("quick took 1 ms")
