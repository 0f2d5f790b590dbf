/* Classifies an image through the C interface, and meets its errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vit.h>

static int fail(const char* what) {
  fprintf(stderr, "c_client: %s: %s\n", what, vit_last_error());
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  if (vit_abi_version() != VIT_ABI_VERSION) return fail("another version of libvit");

  vit_model* model;
  if (vit_open("missing.safetensors", NULL, &model) != VIT_IO_ERROR || model != NULL ||
      strstr(vit_last_error(), "missing.safetensors") == NULL)
    return fail("a file that is missing");

  vit_options options = {0};
  options.size = sizeof(options);
  options.threads = 1;
  if (vit_open(argv[1], &options, &model) != VIT_OK) return fail("open");

  int64_t count = vit_output_size(model), best = 0;
  float* logits = malloc(sizeof(float) * (size_t)count);
  if (logits == NULL || vit_predict_file(model, argv[2], logits) != VIT_OK) return fail("predict");
  for (int64_t i = 1; i < count; ++i)
    if (logits[i] > logits[best]) best = i;

  const vit_image narrow = {(const uint8_t*)"abc", 2, 3, 1, VIT_GREY};
  if (vit_predict_images(model, &narrow, 1, logits) != VIT_BAD_DATA) return fail("a narrow stride");
  if (vit_predict_images(model, &narrow, 0, logits) != VIT_BAD_USE) return fail("no images");
  if (vit_feature_size(model, "layer:99") != -1) return fail("a layer that is not there");

  puts(vit_label(model, best));
  free(logits);
  vit_close(model);
  return 0;
}
