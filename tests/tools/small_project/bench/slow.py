print("slow took 9 ms")
