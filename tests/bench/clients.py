#!/usr/bin/env python3
"""Two clients of one model at the same time, each on one thread, one image a call: how much more they get than one.

    tests/bench/clients.py --lib build/release/lib/libvit.so --model model.safetensors [--rounds 10]

Through the C interface, which lets go of Python's lock: rounds of half a second with one client and with two alternate,
and the best of each count, so that what else the machine does matters less.
"""

import argparse
import ctypes
import pathlib
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 0.5


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("device", ctypes.c_char_p), ("engine", ctypes.c_char_p),
                ("precision", ctypes.c_char_p), ("architecture", ctypes.c_char_p), ("threads", ctypes.c_int32)]


class Model:
    def __init__(self, library, path, precision):
        self.vit = ctypes.CDLL(str(library))
        self.vit.vit_last_error.restype = ctypes.c_char_p
        self.vit.vit_output_size.restype = ctypes.c_int64
        self.model, shape = ctypes.c_void_p(), (ctypes.c_int64 * 3)()
        options = Options(ctypes.sizeof(Options), None, b"packed", precision.encode(), None, 1)
        self.check(self.vit.vit_open(str(path).encode(), ctypes.byref(options), ctypes.byref(self.model)))
        self.vit.vit_input_shape(self.model, shape)
        self.count = shape[0] * shape[1] * shape[2]
        self.outputs = self.vit.vit_output_size(self.model)

    def check(self, status):
        if status:
            raise SystemExit(self.vit.vit_last_error().decode())

    def client(self, until, calls):
        values, out = (ctypes.c_float * self.count)(), (ctypes.c_float * self.outputs)()
        done = 0
        while time.perf_counter() < until:
            self.check(self.vit.vit_predict(self.model, values, ctypes.c_int64(1), out))
            done += 1
        calls.append((done, time.perf_counter()))

    def images_per_second(self, clients):
        begin, calls = time.perf_counter(), []
        threads = [threading.Thread(target=self.client, args=(begin + SECONDS, calls)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done / (end - begin) for done, end in calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lib", type=pathlib.Path, default=ROOT / "build/release/lib/libvit.so")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "weights/vit_fashion_mnist.safetensors")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    model = Model(arguments.lib.resolve(), arguments.model, arguments.precision)
    model.images_per_second(2)
    one, two = [], []
    for _ in range(arguments.rounds):
        one.append(model.images_per_second(1))
        two.append(model.images_per_second(2))
    print(f"images a second: one client {max(one):.1f}, two clients {max(two):.1f}, {max(two) / max(one):.2f} times")


if __name__ == "__main__":
    main()
