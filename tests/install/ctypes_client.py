"""The C interface from Python's ctypes: images, values, features and attention agree with each other.

ctypes_client.py LIBVIT MODEL IMAGE EXPECTED
"""

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_int64, c_uint8, c_void_p

library, model_file, image_file, expected = sys.argv[1:]
vit = ctypes.CDLL(library)
vit.vit_last_error.restype = vit.vit_label.restype = c_char_p
vit.vit_output_size.restype = vit.vit_feature_size.restype = vit.vit_num_classes.restype = c_int64


class Image(ctypes.Structure):
    _fields_ = [("pixels", POINTER(c_uint8)), ("height", c_int64), ("width", c_int64), ("stride", c_int64),
                ("order", c_int32)]


def check(status):
    if status:
        raise SystemExit(f"status {status}: {vit.vit_last_error().decode()}")


model = c_void_p()
check(vit.vit_open(model_file.encode(), None, byref(model)))
shape = (c_int64 * 3)()
vit.vit_input_shape(model, shape)
assert list(shape) == [1, 28, 28], list(shape)

size = vit.vit_output_size(model)
of_file = (c_float * size)()
check(vit.vit_predict_file(model, image_file.encode(), of_file))
label = vit.vit_label(model, max(range(size), key=lambda i: of_file[i])).decode()
assert label == expected, label
assert vit.vit_label(model, c_int64(size)) is None and vit.vit_num_classes(model) == size

# Two grey images of one value, with a stride beyond their width: the same answer twice, and as alone.
pixels = (c_uint8 * (28 * 40))(*([128] * 28 * 40))
images = (Image * 2)(*[Image(pixels, 28, 28, 40, 0)] * 2)
both, alone = (c_float * (2 * size))(), (c_float * size)()
check(vit.vit_predict_images(model, images, c_int64(2), both))
check(vit.vit_predict_images(model, images, c_int64(1), alone))
assert list(both[:size]) == list(both[size:]) == list(alone)

width = vit.vit_feature_size(model, b"mean")
features = (c_float * width)()
check(vit.vit_features(model, images, c_int64(1), b"mean", features))
assert any(features)

grid = (c_int64 * 2)()
check(vit.vit_attention(model, images, c_int64(1), b"rollout", None, c_int64(0), grid))
assert list(grid) == [7, 7], list(grid)
maps = (c_float * 49)()
assert vit.vit_attention(model, images, c_int64(2), b"rollout", maps, c_int64(49), grid) == 2
assert b"capacity: expected at least 98" in vit.vit_last_error()
check(vit.vit_attention(model, images, c_int64(1), b"rollout", maps, c_int64(49), grid))
assert max(maps) == 1 and min(maps) >= 0
vit.vit_close(model)
print(label)
