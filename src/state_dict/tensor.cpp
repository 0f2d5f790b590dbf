#include "vit/state_dict/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

#include "state_dict/floats.h"
#include "vit/core/error.h"
#include "vit/core/mapped_memory.h"

#if defined(__SANITIZE_ADDRESS__)  // g++
#define VIT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)  // clang
#define VIT_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define VIT_ADDRESS_SANITIZER 0
#endif

namespace vit::state_dict {
namespace {

constexpr std::align_val_t kLine{64};

std::int64_t elements(const Shape& shape, std::size_t first = 0) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(first), shape.end(),
                         std::int64_t{1}, std::multiplies<>());
}

std::shared_ptr<std::byte> allocate(std::size_t bytes) {
#if !VIT_ADDRESS_SANITIZER  // which knows the bounds of blocks of the heap alone
  if (bytes >= kMappedBytes) {
    auto* mapped = static_cast<std::byte*>(map_memory(bytes));
    if (mapped == nullptr) throw std::bad_alloc();
    return {mapped, [bytes](std::byte* old) { unmap_memory(old, bytes); }};
  }
#endif
  auto* memory = static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), kLine));
  return {memory, [](std::byte* old) { ::operator delete(old, kLine); }};
}

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

double value_at(io::DType dtype, const std::byte* at) {
  switch (dtype) {
    case io::DType::kBool:
    case io::DType::kU8:
      return load<std::uint8_t>(at);
    case io::DType::kI8:
      return load<std::int8_t>(at);
    case io::DType::kI16:
      return load<std::int16_t>(at);
    case io::DType::kI32:
      return load<std::int32_t>(at);
    case io::DType::kI64:
      return static_cast<double>(load<std::int64_t>(at));
    case io::DType::kF16:
      return from_float16(load<std::uint16_t>(at));
    case io::DType::kBF16:
      return from_bfloat16(load<std::uint16_t>(at));
    case io::DType::kF32:
      return load<float>(at);
    case io::DType::kF64:
      return load<double>(at);
  }
  return 0;
}

void set_value(io::DType dtype, std::byte* at, double value) {
  switch (dtype) {
    case io::DType::kF16:
      return store(at, to_float16(static_cast<float>(value)));
    case io::DType::kBF16:
      return store(at, to_bfloat16(static_cast<float>(value)));
    case io::DType::kF32:
      return store(at, static_cast<float>(value));
    case io::DType::kF64:
      return store(at, value);
    default:
      throw DataError("expected a floating-point type, found {}", io::name_of(dtype));
  }
}

void expect(bool condition, const char* what, const Shape& found) {
  if (!condition) throw DataError("expected a tensor {}, found one of shape {}", what, found);
}

}  // namespace

Tensor::Tensor(io::DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  memory_ = allocate(byte_count());
}

Tensor Tensor::meta(io::DType dtype, Shape shape) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.meta_ = true;
  return tensor;
}

Tensor Tensor::zeros(io::DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  std::ranges::fill(tensor.mutable_bytes(), std::byte{0});
  return tensor;
}

Tensor Tensor::over(io::DType dtype, Shape shape, std::shared_ptr<std::byte> memory) {
  auto tensor = meta(dtype, std::move(shape));
  tensor.meta_ = false;
  tensor.memory_ = std::move(memory);
  return tensor;
}

std::int64_t Tensor::size(std::int64_t dimension) const {
  expect(dimension >= 0 && dimension < dim(), "of more dimensions", shape_);
  return shape_[static_cast<std::size_t>(dimension)];
}

std::int64_t Tensor::numel() const { return elements(shape_); }

std::size_t Tensor::byte_count() const {
  return meta_ ? 0 : static_cast<std::size_t>(numel()) * io::size_of(dtype_);
}

Tensor Tensor::like(Shape shape) const {
  return meta_ ? meta(dtype_, std::move(shape)) : Tensor(dtype_, std::move(shape));
}

std::vector<float> Tensor::floats() const {
  std::vector<float> values(static_cast<std::size_t>(numel()));
  const auto from = bytes();
  if (dtype_ == io::DType::kF32) {
    if (!values.empty()) std::memcpy(values.data(), from.data(), from.size());
    return values;
  }
  const auto width = io::size_of(dtype_);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(value_at(dtype_, from.data() + i * width));
  return values;
}

Tensor Tensor::float32() const {
  if (dtype_ == io::DType::kF32) return *this;
  if (meta_) return meta(io::DType::kF32, shape_);
  Tensor result(io::DType::kF32, shape_);
  const auto from = bytes();
  const auto width = io::size_of(dtype_);
  auto* to = reinterpret_cast<float*>(result.mutable_bytes().data());
  const auto count = static_cast<std::size_t>(numel());
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(value_at(dtype_, from.data() + i * width));
  return result;
}

Tensor Tensor::reshape(Shape shape) const {
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (auto& size : shape) {
    if (size == -1)
      open = &size;
    else
      known *= size;
  }
  if (open != nullptr && known != 0) *open = numel() / known;
  expect(elements(shape) == numel() && (open == nullptr || *open >= 0), "of as many elements",
         shape_);
  auto result = *this;
  result.shape_ = std::move(shape);
  return result;
}

Tensor Tensor::flatten(std::int64_t first) const {
  expect(first <= dim(), "of more dimensions", shape_);
  Shape shape(shape_.begin(), shape_.begin() + first);
  shape.push_back(elements(shape_, static_cast<std::size_t>(first)));
  return reshape(std::move(shape));
}

Tensor Tensor::unsqueeze(std::int64_t dimension) const {
  expect(dimension <= dim(), "of more dimensions", shape_);
  auto shape = shape_;
  shape.insert(shape.begin() + dimension, 1);
  return reshape(std::move(shape));
}

Tensor Tensor::permute(const std::vector<std::size_t>& order) const {
  expect(order.size() == shape_.size(), "of other dimensions", shape_);
  std::vector<std::int64_t> steps(shape_.size(), 1);  // in elements, of the result's dimensions
  Shape shape;
  for (std::size_t i = 0; i < order.size(); ++i) {
    shape.push_back(shape_[order[i]]);
    steps[i] = elements(shape_, order[i] + 1);
  }
  auto result = like(std::move(shape));
  if (meta_ || numel() == 0) return result;
  const auto width = io::size_of(dtype_);
  const auto* from = memory_.get();
  auto* to = result.memory_.get();
  std::vector<std::int64_t> index(shape_.size(), 0);
  std::int64_t at = 0;
  for (std::int64_t count = numel(); count > 0; --count, to += width) {
    std::memcpy(to, from + static_cast<std::size_t>(at) * width, width);
    for (auto d = index.size(); d-- > 0;) {
      at += steps[d];
      if (++index[d] < result.shape_[d]) break;
      at -= steps[d] * index[d];
      index[d] = 0;
    }
  }
  return result;
}

Tensor Tensor::t() const {
  expect(dim() == 2, "of two dimensions", shape_);
  return permute({1, 0});
}

Tensor Tensor::slice(std::int64_t dimension, std::int64_t begin, std::int64_t end) const {
  const auto length = size(dimension);
  begin = std::min(begin, length);
  end = end < 0 ? length : std::clamp(end, begin, length);
  auto shape = shape_;
  shape[static_cast<std::size_t>(dimension)] = end - begin;
  auto result = like(std::move(shape));
  if (meta_ || result.numel() == 0) return result;
  const auto inner =
      static_cast<std::size_t>(elements(shape_, static_cast<std::size_t>(dimension) + 1) *
                               static_cast<std::int64_t>(io::size_of(dtype_)));
  const auto taken = static_cast<std::size_t>(end - begin) * inner;
  const auto all = static_cast<std::size_t>(length) * inner;
  const auto* from = memory_.get() + static_cast<std::size_t>(begin) * inner;
  auto* to = result.memory_.get();
  for (std::size_t done = 0; done < result.byte_count(); done += taken, from += all)
    std::memcpy(to + done, from, taken);
  return result;
}

Tensor Tensor::select(std::int64_t dimension, std::int64_t index) const {
  expect(index >= 0 && index < size(dimension), "of more rows", shape_);
  auto part = slice(dimension, index, index + 1);
  auto shape = part.shape_;
  shape.erase(shape.begin() + dimension);
  return part.reshape(std::move(shape));
}

Tensor cat(const std::vector<Tensor>& tensors) {
  auto shape = tensors.at(0).shape();
  expect(!shape.empty(), "of at least one dimension", shape);
  std::int64_t rows = 0;
  for (const auto& tensor : tensors) {
    expect(tensor.dtype() == tensors[0].dtype() && tensor.dim() == tensors[0].dim() &&
               std::equal(shape.begin() + 1, shape.end(), tensor.shape().begin() + 1),
           "of one type and row with those beside it", tensor.shape());
    rows += tensor.size(0);
  }
  shape[0] = rows;
  if (tensors[0].is_meta()) return Tensor::meta(tensors[0].dtype(), std::move(shape));
  Tensor whole(tensors[0].dtype(), std::move(shape));
  auto to = whole.mutable_bytes();
  for (const auto& tensor : tensors) {
    const auto from = tensor.bytes();
    std::ranges::copy(from, to.begin());
    to = to.subspan(from.size());
  }
  return whole;
}

Tensor add(const Tensor& a, const Tensor& b) {
  expect(a.numel() == b.numel() && a.is_floating_point() && b.is_floating_point(),
         "of as many floating-point elements as what is added to it", a.shape());
  if (a.is_meta()) return a;
  Tensor sum(a.dtype(), a.shape());
  const auto width_a = io::size_of(a.dtype()), width_b = io::size_of(b.dtype());
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.numel()); ++i) {
    const auto left = value_at(a.dtype(), a.bytes().data() + i * width_a);
    const auto right = value_at(b.dtype(), b.bytes().data() + i * width_b);
    set_value(sum.dtype(), sum.mutable_bytes().data() + i * width_a, left + right);
  }
  return sum;
}

Tensor dequantize(const Tensor& values, const Tensor& scale) {
  if (values.dim() != 2 || scale.dim() != 1 || scale.size(0) != values.size(0))
    throw DataError("expected values [out, in] and a scale [out], found {} and {}", values.shape(),
                    scale.shape());
  if (values.is_meta()) return Tensor::meta(io::DType::kF32, values.shape());
  Tensor result(io::DType::kF32, values.shape());
  const auto factors = scale.floats();
  const auto columns = static_cast<std::size_t>(values.size(1));
  auto* to = reinterpret_cast<float*>(result.mutable_bytes().data());
  const auto* from = values.bytes().data();
  for (const float factor : factors)
    for (std::size_t i = 0; i < columns; ++i)
      *to++ = static_cast<float>(load<std::int8_t>(from++)) * factor;
  return result;
}

Tensor read(const io::TensorEntry& entry) {
  if (entry.strides.empty() || entry.numel() == 0) {
    Tensor tensor(entry.dtype, entry.shape);
    if (entry.numel() > 0) entry.data.read(0, tensor.mutable_bytes());
    return tensor;
  }
  Tensor tensor(entry.dtype, entry.shape);
  std::ranges::copy(io::read_contiguous(entry), tensor.mutable_bytes().begin());
  return tensor;
}

}  // namespace vit::state_dict
