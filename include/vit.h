/* The C interface of libvit: a model opened once, then answers for images or plain values.
 *
 *     vit_model* model;
 *     if (vit_open("model.safetensors", NULL, &model) != VIT_OK) fail(vit_last_error());
 *     float* logits = malloc(sizeof(float) * vit_output_size(model));
 *     vit_image image = {pixels, height, width, stride, VIT_RGB};
 *     if (vit_predict_images(model, &image, 1, logits) != VIT_OK) fail(vit_last_error());
 *
 * Every function may be called from several threads at once, also with the same model; only
 * vit_close must be the last call with its model. No exception leaves a function. Functions that
 * return `int` return VIT_OK or what went wrong, and leave a line for vit_last_error; buffers are
 * the caller's, and their values are unspecified after an error. Values are float32, row-major,
 * one image after the other.
 */
#ifndef VIT_H
#define VIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What changes when a function or a struct of this header does; compare it with
 * vit_abi_version(). Structs that begin with `size` may grow at their end without a change. */
#define VIT_ABI_VERSION 1

/* The exit codes of the commands. */
enum vit_status {
  VIT_OK = 0,
  VIT_BAD_DATA = 1, /* a file or an image is not what it must be */
  VIT_BAD_USE = 2,  /* an argument, or a device, an engine or a feature that is not there */
  VIT_IO_ERROR = 4  /* missing, unreadable, not enough memory */
};

enum vit_channel_order { VIT_GREY = 0, VIT_RGB = 1, VIT_BGR = 2, VIT_RGBA = 3, VIT_BGRA = 4 };

typedef struct vit_model vit_model;

/* Null strings and zeros mean the defaults. */
typedef struct vit_options {
  size_t size;              /* sizeof(vit_options) */
  const char* device;       /* cpu (default), auto, cuda or cuda:N */
  const char* engine;       /* auto (default), packed or modules */
  const char* precision;    /* auto (default), fp32, fp32x3, bf16, int8; CUDA: fp32, bf16, fp16 */
  const char* architecture; /* a name of `vit-infer --list-models`, where the file does not say */
  int32_t threads;          /* of the forward pass; 0: the cores that there are */
} vit_options;

/* 8-bit pixels, read where they are. */
typedef struct vit_image {
  const uint8_t* pixels; /* the pixel at the top left */
  int64_t height;
  int64_t width;
  int64_t stride; /* bytes from a row to the next; negative where rows go bottom up */
  int32_t order;  /* of vit_channel_order */
} vit_image;

/* Of the library that is loaded. */
int32_t vit_abi_version(void);
const char* vit_version(void);

/* What went wrong in this thread's last call that failed; never null, valid until the next. */
const char* vit_last_error(void);

/* Opens a model file, a timm folder, or what else vit-infer takes. `options` may be null. On an
 * error *model is null. */
int vit_open(const char* path, const vit_options* options, vit_model** model);
/* Null does nothing. */
void vit_close(vit_model* model);

/* Channels, height and width of one input. */
void vit_input_shape(const vit_model* model, int64_t shape[3]);
int64_t vit_num_classes(const vit_model* model);
/* UTF-8, valid until vit_close; null where the model has no such label. */
const char* vit_label(const vit_model* model, int64_t index);
/* Floats that one image's answer takes: logits, or features of a model without a head. */
int64_t vit_output_size(const vit_model* model);
/* Floats of one image's features, of a kind that `vit-infer --features` takes (cls, mean, tokens,
 * pooled, layer:N); -1 where the model has none such. */
int64_t vit_feature_size(const vit_model* model, const char* kind);

/* values: [count, channels, height, width], preprocessed. output: count × vit_output_size. */
int vit_predict(const vit_model* model, const float* values, int64_t count, float* output);
/* Images of any size, preprocessed as the model file says. */
int vit_predict_images(const vit_model* model, const vit_image* images, int64_t count,
                       float* output);
/* A JPEG, PNG, WebP, BMP or TIFF file. */
int vit_predict_file(const vit_model* model, const char* path, float* output);
/* features: count × vit_feature_size. */
int vit_features(const vit_model* model, const vit_image* images, int64_t count, const char* kind,
                 float* features);
/* Where the model looked, by `cls` or `rollout`: count maps of the patches' grid, [height, width]
 * in `grid`, one behind the other in `maps`, which has room for `capacity` floats. Not negative;
 * each map's largest value is 1. With `maps` null only `grid` is set. */
int vit_attention(const vit_model* model, const vit_image* images, int64_t count,
                  const char* method, float* maps, int64_t capacity, int64_t grid[2]);

#ifdef __cplusplus
}
#endif

#endif
