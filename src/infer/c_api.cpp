// include/vit.h: each function is one call of Predictor, with exceptions made codes and lines.
#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "vit.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/image.h"
#include "vit/engine/want.h"
#include "vit/infer/predictor.h"

struct vit_model {
  vit::Predictor predictor;
};

namespace vit::infer {
namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

int fail(int status, const char* what) noexcept {
  try {
    last_error() = one_line(what);
  } catch (...) {
    last_error().clear();  // no memory even for a line
  }
  return status;
}

/// VIT_OK, or what `body` threw.
template <class Body>
int guarded(const Body& body) noexcept {
  try {
    body();
    return VIT_OK;
  } catch (const Error& error) {
    return fail(error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(VIT_IO_ERROR, "not enough memory");
  } catch (const std::exception& error) {
    return fail(VIT_BAD_DATA, error.what());
  } catch (...) {
    return fail(VIT_BAD_DATA, "an unknown error");
  }
}

template <class T>
const T& given(const T* argument, const char* name) {
  if (argument == nullptr) throw UsageError("{}: expected an address, found null", name);
  return *argument;
}

std::string text_of(const char* text, const std::string& otherwise) {
  return text == nullptr || *text == '\0' ? otherwise : std::string(text);
}

PredictorOptions options_of(const vit_options* given_options) {
  PredictorOptions options;
  if (given_options == nullptr) return options;
  if (given_options->size < sizeof(vit_options))
    throw UsageError("options.size: expected sizeof(vit_options), {}, found {}",
                     sizeof(vit_options), given_options->size);
  if (given_options->threads < 0)
    throw UsageError("threads: expected 0 or more, found {}", given_options->threads);
  options.device = text_of(given_options->device, options.device);
  options.engine = text_of(given_options->engine, options.engine);
  options.precision = text_of(given_options->precision, options.precision);
  options.architecture = text_of(given_options->architecture, options.architecture);
  options.threads = given_options->threads;
  return options;
}

std::vector<ImageView> views_of(const vit_image* images, std::int64_t count) {
  if (count < 1) throw UsageError("count: expected at least 1, found {}", count);
  given(images, "images");
  std::vector<ImageView> views;
  for (const auto& image : std::span(images, static_cast<std::size_t>(count))) {
    if (image.order < VIT_GREY || image.order > VIT_BGRA)
      throw UsageError("order: expected a vit_channel_order, found {}", image.order);
    views.push_back({image.pixels, image.height, image.width, image.stride,
                     static_cast<ChannelOrder>(image.order)});
    check_image_view(views.back());
  }
  return views;
}

void copy(const Array& values, float* output) { std::ranges::copy(values.data, output); }

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

}  // namespace
}  // namespace vit::infer

using vit::infer::copy;
using vit::infer::fail;
using vit::infer::given;
using vit::infer::guarded;
using vit::infer::views_of;

int32_t vit_abi_version(void) { return VIT_ABI_VERSION; }
const char* vit_version(void) { return VIT_VERSION; }
const char* vit_last_error(void) { return vit::infer::last_error().c_str(); }

int vit_open(const char* path, const vit_options* options, vit_model** model) {
  if (model == nullptr) return fail(VIT_BAD_USE, "model: expected an address, found null");
  *model = nullptr;
  return guarded([&] {
    given(path, "path");
    *model = new vit_model{vit::Predictor(path, vit::infer::options_of(options))};
  });
}

void vit_close(vit_model* model) { delete model; }

void vit_input_shape(const vit_model* model, int64_t shape[3]) {
  std::ranges::copy(model->predictor.input_shape(), shape);
}

int64_t vit_num_classes(const vit_model* model) { return model->predictor.num_classes(); }

const char* vit_label(const vit_model* model, int64_t index) {
  const auto& labels = model->predictor.config().labels;
  const auto place = static_cast<std::size_t>(index);
  return index >= 0 && place < labels.size() ? labels[place].c_str() : nullptr;
}

int64_t vit_output_size(const vit_model* model) {
  return vit::infer::product(model->predictor.output_shape());
}

int64_t vit_feature_size(const vit_model* model, const char* kind) {
  std::int64_t size = -1;
  guarded([&] {
    const auto parsed = vit::engine::parse_feature_kind(&given(kind, "kind"));
    size = vit::infer::product(model->predictor.feature_shape(parsed));
  });
  return size;
}

int vit_predict(const vit_model* model, const float* values, int64_t count, float* output) {
  return guarded([&] {
    given(values, "values");
    given(output, "output");
    if (count < 1) throw vit::UsageError("count: expected at least 1, found {}", count);
    const auto [c, h, w] = given(model, "model").predictor.input_shape();
    vit::Array x({count, c, h, w});
    std::copy_n(values, x.data.size(), x.data.begin());
    copy(model->predictor.predict(x), output);
  });
}

int vit_predict_images(const vit_model* model, const vit_image* images, int64_t count,
                       float* output) {
  return guarded([&] {
    given(output, "output");
    copy(given(model, "model").predictor.predict(views_of(images, count)), output);
  });
}

int vit_predict_file(const vit_model* model, const char* path, float* output) {
  return guarded([&] {
    given(path, "path");
    given(output, "output");
    const auto& predictor = given(model, "model").predictor;
    const auto image = vit::data::decode_image(path, predictor.input_shape()[0]);
    copy(predictor.predict(std::span(&image, 1)), output);
  });
}

int vit_features(const vit_model* model, const vit_image* images, int64_t count, const char* kind,
                 float* features) {
  return guarded([&] {
    given(features, "features");
    const auto parsed = vit::engine::parse_feature_kind(&given(kind, "kind"));
    copy(given(model, "model").predictor.features(views_of(images, count), parsed), features);
  });
}

int vit_attention(const vit_model* model, const vit_image* images, int64_t count,
                  const char* method, float* maps, int64_t capacity, int64_t grid[2]) {
  return guarded([&] {
    given(grid, "grid");
    const auto parsed = vit::engine::parse_attention_method(&given(method, "method"));
    const auto& predictor = given(model, "model").predictor;
    const auto [c, h, w] = predictor.input_shape();
    const auto patches = vit::engine::patch_grid(predictor.config().model, h, w);
    grid[0] = patches.height;
    grid[1] = patches.width;
    if (maps == nullptr) return;
    const auto views = views_of(images, count);
    if (capacity < count * grid[0] * grid[1])
      throw vit::UsageError("capacity: expected at least {}, for {} maps of {} × {}, found {}",
                            count * grid[0] * grid[1], count, grid[0], grid[1], capacity);
    copy(predictor.attention(views, parsed), maps);
  });
}
