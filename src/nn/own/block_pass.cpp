#include "block_pass.h"

#include <algorithm>
#include <atomic>
#include <exception>

#include "vit/kernels/attention.h"
#include "vit/kernels/norm.h"
#include "vit/kernels/training.h"
#include "vit/runtime/parallel.h"

namespace vit::nn::own {
namespace {

/// Values of a chunk's widest rows: with the others about what a core's second cache level holds.
constexpr std::int64_t kChunkValues = 100'000;

std::int64_t images_a_chunk(const BlockShape& shape) {
  const auto widest = std::max(shape.hidden, 3 * shape.dim) * shape.tokens;
  return std::max<std::int64_t>(kChunkValues / widest, 1);
}

/// The share of one of `threads` of `count` things, in whole units.
std::pair<std::int64_t, std::int64_t> share_of(std::int64_t count, std::int64_t unit, int threads,
                                               int thread) {
  const auto units = (count + unit - 1) / unit;
  return {std::min(units * thread / threads * unit, count),
          std::min(units * (thread + 1) / threads * unit, count)};
}

std::int64_t size_of(Parameter parameter, const BlockShape& shape) {
  const auto [rows, columns] = shape_of(parameter, shape);
  return rows * columns;
}

constexpr Parameter kAllParameters[] = {kGain1, kBias1, kQkv, kQkvBias, kProj, kProjBias,
                                        kGain2, kBias2, kFc1, kFc1Bias, kFc2,  kFc2Bias};

}  // namespace

std::array<std::int64_t, 2> shape_of(Parameter parameter, const BlockShape& shape) {
  const auto dim = shape.dim, hidden = shape.hidden;
  switch (parameter) {
    case kQkv:
      return {3 * dim, dim};
    case kQkvBias:
      return {1, 3 * dim};
    case kProj:
      return {dim, dim};
    case kFc1:
      return {hidden, dim};
    case kFc1Bias:
      return {1, hidden};
    case kFc2:
      return {dim, hidden};
    default:
      return {1, dim};
  }
}

struct BlockPass::Chunk {
  std::int64_t image = 0, images = 0;  ///< the first, how many
  std::int64_t row = 0, rows = 0;
  bool first = true;  ///< of its thread
  ThreadMemory& memory;
  const Gradients& gradients;
};

/// f(thread) for each thread that has images. Throws what the first of them threw.
template <class F>
void BlockPass::on_threads(const F& f) {
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(threads_));
  runtime::run_in_parallel(threads_, [&](int thread) {
    try {
      f(thread);
    } catch (...) {
      errors[static_cast<std::size_t>(thread)] = std::current_exception();
    }
  });
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

BlockPass::Chunk BlockPass::chunk_of(std::int64_t begin, std::int64_t end, bool first,
                                     ThreadMemory& memory, const Gradients& gradients) const {
  const auto tokens = shape_.tokens;
  return {begin, end - begin, begin * tokens, (end - begin) * tokens, first, memory, gradients};
}

template <class F>
void BlockPass::for_each_chunk(const F& f) {
  const auto images = shape_.images;
  const auto chunks = std::max<std::int64_t>((images - 1) / images_a_chunk(shape_) + 1, threads_);
  const Gradients none{};
  std::atomic<std::int64_t> next{0};
  on_threads([&](int thread) {
    auto& memory = memory_[static_cast<std::size_t>(thread)];
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks;)
      f(chunk_of(images * i / chunks, images * (i + 1) / chunks, /*first=*/true, memory, none));
  });
}

template <class F>
void BlockPass::for_each_chunk_in_order(const F& f) {
  on_threads([&](int thread) {
    auto& memory = memory_[static_cast<std::size_t>(thread)];
    const auto gradients = thread_gradients(thread);
    const auto [begin, end] = share_of(shape_.images, 1, threads_, thread);
    const auto chunks = (end - begin - 1) / images_a_chunk(shape_) + 1;
    for (std::int64_t i = 0; i < chunks; ++i)
      f(chunk_of(begin + (end - begin) * i / chunks, begin + (end - begin) * (i + 1) / chunks,
                 i == 0, memory, gradients));
  });
}

void BlockPass::begin(const BlockShape& shape, const BlockTensors& tensors, int threads) {
  shape_ = shape;
  tensors_ = tensors;
  threads_ = static_cast<int>(std::min<std::int64_t>(threads, shape.images));
  while (static_cast<int>(memory_.size()) < threads_) memory_.emplace_back(isa_, format_);
}

void BlockPass::forward(const BlockShape& shape, const BlockTensors& tensors, int threads) {
  begin(shape, tensors, threads);
  pack_weights(/*transposed=*/false);
  for_each_chunk([this](const Chunk& chunk) { forward_chunk(chunk); });
}

void BlockPass::backward(const BlockShape& shape, const BlockTensors& tensors, int threads) {
  begin(shape, tensors, threads);
  pack_weights(/*transposed=*/true);
  for_each_chunk_in_order([this](const Chunk& chunk) { backward_chunk(chunk); });
  add_gradients_of_threads();
}

void BlockPass::pack_weights(bool transposed) {
  const std::pair<Weight*, Parameter> weights[] = {
      {&qkv_, kQkv}, {&proj_, kProj}, {&fc1_, kFc1}, {&fc2_, kFc2}};
  for (const auto& [weight, parameter] : weights) {
    const auto [out, in] = shape_of(parameter, shape_);
    auto& packed = weight->packed;
    packed = kernels::packed_weight(isa_, transposed ? in : out, transposed ? out : in,
                                    /*gated=*/false, format_);
    packed.data = weight->values.of(kernels::packed_size(isa_, packed));
    const auto* bias = tensors_.parameters[parameter + 1];
    if (transposed || bias == nullptr) continue;
    const auto columns =
        std::int64_t{packed.panels} * kernels::gemm_shape(isa_, packed.reads).columns;
    auto* padded = weight->bias.of(columns);
    std::fill(std::copy_n(bias, out, padded), padded + columns, 0.0F);
    packed.bias = padded;
  }
  on_threads([&](int thread) {
    std::vector<const float*> rows;
    for (const auto& [weight, parameter] : weights) {
      const auto [out, in] = shape_of(parameter, shape_);
      const auto& packed = weight->packed;
      const auto* values = tensors_.parameters[parameter];
      if (transposed) {
        const auto [begin, end] = share_of(packed.panels, 1, threads_, thread);
        kernels::pack_weight_transposed(isa_, packed, values, in, out, static_cast<int>(begin),
                                        static_cast<int>(end), weight->values.of(0));
        continue;
      }
      const auto columns = kernels::gemm_shape(isa_, packed.reads).columns;
      const auto [begin, end] = share_of(out, columns, threads_, thread);
      rows.clear();
      for (auto row = begin; row < end; ++row) rows.push_back(values + row * in);
      if (begin < end)
        kernels::pack_weight(isa_, packed, in, begin, end - begin, rows.data(),
                             weight->values.of(0));
    }
  });
}

/// The rows of `kept` get what a product gives before its activation.
void BlockPass::keep_rows(void* kept, std::int64_t first, std::int64_t columns,
                          kernels::Epilogue& epilogue) const {
  if (kept == nullptr) return;
  epilogue.before_ld = columns;
  if (keeps_bf16())
    epilogue.before_bf16 = static_cast<std::uint16_t*>(kept) + first * columns;
  else
    epilogue.before = static_cast<float*>(kept) + first * columns;
}

const float* BlockPass::read_kept(const void* kept, Floats& scratch, std::int64_t first,
                                  std::int64_t count) const {
  if (!keeps_bf16()) return static_cast<const float*>(kept) + first;
  auto* wide = scratch.of(count);
  kernels::widen_bf16(isa_, static_cast<const std::uint16_t*>(kept) + first, count, wide);
  return wide;
}

/// out = x + drop · (left · weightᵀ + bias)
void BlockPass::add_branch(const Chunk& chunk, const kernels::PackedRows& left,
                           const Weight& weight, const float* drop, const float* x,
                           float* out) const {
  const auto dim = shape_.dim, size = shape_.tokens * dim;
  kernels::Epilogue epilogue;
  epilogue.rows = drop != nullptr ? chunk.memory.branch.of(chunk.rows * dim) : out;
  epilogue.ld = dim;
  epilogue.addend = drop != nullptr ? nullptr : x;
  epilogue.addend_ld = dim;
  chunk.memory.products.multiply(left, weight.packed, epilogue);
  for (std::int64_t i = 0; drop != nullptr && i < chunk.images; ++i)
    kernels::add_scaled(isa_, x + i * size, epilogue.rows + i * size, drop[chunk.image + i], size,
                        out + i * size);
}

void BlockPass::forward_chunk(const Chunk& chunk) const {
  auto& memory = chunk.memory;
  auto& products = memory.products;
  const auto dim = shape_.dim, hidden = shape_.hidden, rows = chunk.rows;
  const auto* x = tensors_.x + chunk.row * dim;
  auto* middle = tensors_.middle + chunk.row * dim;
  const auto normed = [&](const float* from, Parameter gain, float eps) {
    kernels::NormCall norm;
    norm.x = from;
    norm.ld = dim;
    norm.cols = static_cast<int>(dim);
    norm.gain = tensors_.parameters[gain];
    norm.bias = tensors_.parameters[gain + 1];
    norm.eps = eps;
    norm.packed = products.left(rows, dim);
    kernels::norm(isa_, norm, 0, static_cast<int>(rows));
    return norm.packed;
  };

  // In float32 what is kept is also what the next step reads.
  const auto kept_or = [&](void* kept, Floats& scratch, std::int64_t columns) {
    return kept != nullptr && !keeps_bf16() ? static_cast<float*>(kept) + chunk.row * columns
                                            : scratch.of(rows * columns);
  };

  kernels::Epilogue to_qkv;
  to_qkv.rows = kept_or(tensors_.qkv, memory.qkv, 3 * dim);
  to_qkv.ld = 3 * dim;
  if (keeps_bf16()) keep_rows(tensors_.qkv, chunk.row, 3 * dim, to_qkv);
  products.multiply(normed(x, kGain1, tensors_.eps1), qkv_.packed, to_qkv);
  auto* heads = kept_or(tensors_.heads, memory.heads, dim);
  attend(chunk, to_qkv.rows, heads);
  if (keeps_bf16() && tensors_.heads != nullptr)
    kernels::narrow_to_bf16(isa_, heads, rows * dim,
                            static_cast<std::uint16_t*>(tensors_.heads) + chunk.row * dim);
  add_branch(chunk, products.pack_left({heads, dim, rows, dim}), proj_, tensors_.drop1, x, middle);

  kernels::Epilogue to_hidden;
  to_hidden.activation = kernels::Activation::kGelu;
  to_hidden.packed = products.left(rows, hidden, memory.activated);
  if (to_hidden.packed.k != to_hidden.packed.columns)  // the rest of the last line
    std::fill_n(to_hidden.packed.data,
                kernels::packed_size(isa_, rows, hidden, to_hidden.packed.format), 0.0F);
  keep_rows(tensors_.hidden, chunk.row, hidden, to_hidden);
  products.multiply(normed(middle, kGain2, tensors_.eps2), fc1_.packed, to_hidden);
  add_branch(chunk, to_hidden.packed, fc2_, tensors_.drop2, middle, tensors_.out + chunk.row * dim);
}

void BlockPass::attend(const Chunk& chunk, const float* qkv, float* heads) const {
  const auto dim = shape_.dim, d = shape_.head_dim(), tokens = shape_.tokens;
  kernels::AttentionCall call;
  call.queries = call.keys = static_cast<int>(tokens);
  call.d = call.dv = static_cast<int>(d);
  call.scale = shape_.scale;
  call.bf16 = keeps_bf16() && kernels::multiplies_bf16_attention(isa_);
  call.ld = dim;
  call.scratch = chunk.memory.attention.of(
      kernels::attention_scratch(isa_, call.keys, call.d, call.dv, call.bf16));
  const int tiles = kernels::attention_tiles(isa_, call);
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    const float* image = qkv + i * tokens * 3 * dim;
    call.q = {image, 3 * dim, d};
    call.k = {image + dim, 3 * dim, d};
    call.v = {image + 2 * dim, 3 * dim, d};
    call.rows = heads + i * tokens * dim;
    for (int head = 0; head < shape_.heads; ++head) kernels::attention(isa_, call, head, 0, tiles);
  }
}

/// The gradient of what a residual branch gives.
const float* BlockPass::dropped(const Chunk& chunk, const float* drop, const float* dy) const {
  if (drop == nullptr) return dy;
  const auto size = shape_.tokens * shape_.dim;
  auto* out = chunk.memory.branch.of(chunk.rows * shape_.dim);
  for (std::int64_t i = 0; i < chunk.images; ++i)
    kernels::add_scaled(isa_, nullptr, dy + i * size, drop[chunk.image + i], size, out + i * size);
  return out;
}

/// A linear layer y = x wᵀ + b: dx = dy w; dy stays packed for its weight's gradient, whose bias
/// gets its own.
kernels::PackedRows BlockPass::backward_linear(const Chunk& chunk, Parameter parameter,
                                               const Weight& weight, const float* dy,
                                               float* dx) const {
  auto& products = chunk.memory.products;
  const auto [out, in] = shape_of(parameter, shape_);
  const auto [rows, transposed] = products.pack_left_both_ways(
      {dy, out, chunk.rows, out}, chunk.memory.dy, chunk.gradients[parameter + 1]);
  products.multiply(rows, weight.packed, dx, in);
  return transposed;
}

/// dyᵀ · x.
void BlockPass::add_weight_gradient(const Chunk& chunk, Parameter parameter,
                                    const kernels::PackedRows& dy, const float* x) const {
  auto& products = chunk.memory.products;
  const auto in = shape_of(parameter, shape_)[1];
  products.multiply(dy, products.pack_right_transposed({x, in, chunk.rows, in}),
                    chunk.gradients[parameter], in, /*add=*/!chunk.first);
}

const float* BlockPass::backward_norm(const Chunk& chunk, Parameter gain, Parameter bias, float eps,
                                      const float* x, const float* dy, const float* addend,
                                      float* dx) const {
  kernels::NormBackward call;
  call.x = x;
  call.gain = tensors_.parameters[gain];
  call.bias = tensors_.parameters[bias];
  call.eps = eps;
  call.cols = static_cast<int>(shape_.dim);
  call.dy = dy;
  call.addend = addend;
  call.dx = dx;
  call.y = chunk.memory.normed.of(chunk.rows * shape_.dim);
  call.dgain = chunk.gradients[gain];
  call.dbias = chunk.gradients[bias];
  kernels::norm_backward(isa_, call, chunk.rows);
  return call.y;
}

void BlockPass::backward_chunk(const Chunk& chunk) const {
  if (chunk.first)
    for (const auto parameter : kAllParameters)
      if (shape_of(parameter, shape_)[0] == 1)
        std::fill_n(chunk.gradients[parameter], size_of(parameter, shape_), 0.0F);
  backward_mlp(chunk, tensors_.dout + chunk.row * shape_.dim);
  backward_attention(chunk, chunk.memory.dmiddle.of(0));
}

void BlockPass::backward_mlp(const Chunk& chunk, const float* dout) const {
  auto& memory = chunk.memory;
  const auto dim = shape_.dim, hidden = shape_.hidden, rows = chunk.rows;
  const auto* dbranch = dropped(chunk, tensors_.drop2, dout);
  auto* dhidden = memory.dhidden.of(rows * hidden);
  const auto dfc2 = backward_linear(chunk, kFc2, fc2_, dbranch, dhidden);
  const auto* before = read_kept(tensors_.hidden, memory.hidden, chunk.row * hidden, rows * hidden);
  auto* activated = memory.activated.of(rows * hidden);
  kernels::gelu_backward(isa_, before, rows * hidden, activated, dhidden, keeps_bf16());
  add_weight_gradient(chunk, kFc2, dfc2, activated);

  auto* drows = memory.drows.of(rows * dim);
  const auto dfc1 = backward_linear(chunk, kFc1, fc1_, dhidden, drows);
  const auto* normed =
      backward_norm(chunk, kGain2, kBias2, tensors_.eps2, tensors_.middle + chunk.row * dim, drows,
                    dout, memory.dmiddle.of(rows * dim));
  add_weight_gradient(chunk, kFc1, dfc1, normed);
}

void BlockPass::backward_attention(const Chunk& chunk, const float* dmiddle) const {
  auto& memory = chunk.memory;
  const auto dim = shape_.dim, rows = chunk.rows;
  const auto* dbranch = dropped(chunk, tensors_.drop1, dmiddle);
  auto* dheads = memory.dheads.of(rows * dim);
  const auto dproj = backward_linear(chunk, kProj, proj_, dbranch, dheads);
  add_weight_gradient(chunk, kProj, dproj,
                      read_kept(tensors_.heads, memory.heads, chunk.row * dim, rows * dim));
  auto* dqkv = memory.dqkv.of(rows * 3 * dim);
  if (keeps_bf16() && kernels::multiplies_bf16_attention(isa_))
    attend_backward_in_bf16(chunk, dheads, dqkv);
  else
    attend_backward(chunk, read_kept(tensors_.qkv, memory.qkv, chunk.row * 3 * dim, rows * 3 * dim),
                    dheads, dqkv);

  auto* drows = memory.drows.of(rows * dim);
  const auto to_qkv = backward_linear(chunk, kQkv, qkv_, dqkv, drows);
  const auto* normed =
      backward_norm(chunk, kGain1, kBias1, tensors_.eps1, tensors_.x + chunk.row * dim, drows,
                    dmiddle, tensors_.dx + chunk.row * dim);
  add_weight_gradient(chunk, kQkv, to_qkv, normed);
}

void BlockPass::attend_backward_in_bf16(const Chunk& chunk, const float* dheads,
                                        float* dqkv) const {
  const auto dim = shape_.dim, d = shape_.head_dim(), tokens = shape_.tokens;
  kernels::AttentionBackward call;
  call.ld = call.dqkv_ld = 3 * dim;
  call.dout_ld = dim;
  call.tokens = static_cast<int>(tokens);
  call.d = static_cast<int>(d);
  call.scale = shape_.scale;
  call.scratch =
      chunk.memory.attention.of(kernels::attention_backward_scratch(call.tokens, call.d));
  const auto* qkv = static_cast<const std::uint16_t*>(tensors_.qkv) + chunk.row * 3 * dim;
  for (std::int64_t i = 0; i < chunk.images; ++i)
    for (int head = 0; head < shape_.heads; ++head) {
      const auto first = i * tokens * 3 * dim + head * d;
      call.q = qkv + first;
      call.k = call.q + dim;
      call.v = call.k + dim;
      call.dout = dheads + i * tokens * dim + head * d;
      call.dq = dqkv + first;
      call.dk = call.dq + dim;
      call.dv = call.dk + dim;
      kernels::attention_backward(call);
    }
}

/// A head's scores stand key by key (s = k · qᵀ), so that of the five products one alone needs a
/// matrix of scores turned over.
void BlockPass::attend_backward(const Chunk& chunk, const float* qkv, const float* dheads,
                                float* dqkv) const {
  auto& memory = chunk.memory;
  auto& products = memory.products;
  const auto dim = shape_.dim, d = shape_.head_dim(), tokens = shape_.tokens;
  kernels::SoftmaxBackward softmax;
  softmax.ld = kernels::padded(tokens);
  softmax.keys = softmax.queries = static_cast<int>(tokens);
  softmax.scale = shape_.scale;
  softmax.scores = memory.scores.of(tokens * softmax.ld);
  softmax.dweights = memory.dweights.of(tokens * softmax.ld);
  const Matrix weights{softmax.scores, softmax.ld, tokens, tokens};
  const Matrix dscores{softmax.dweights, softmax.ld, tokens, tokens};
  for (std::int64_t i = 0; i < chunk.images; ++i)
    for (int head = 0; head < shape_.heads; ++head) {
      const auto first = i * tokens * 3 * dim + head * d;
      const auto part = [&](int which) {
        return Matrix{qkv + first + which * dim, 3 * dim, tokens, d};
      };
      const auto q = part(0), k = part(1), v = part(2);
      const Matrix dout{dheads + i * tokens * dim + head * d, dim, tokens, d};
      float* out = dqkv + first;
      products.multiply(products.pack_left(k), products.pack_right(q), softmax.scores, softmax.ld);
      products.multiply(products.pack_left(v), products.pack_right(dout), softmax.dweights,
                        softmax.ld);
      kernels::softmax_backward(isa_, softmax);
      products.multiply(products.pack_left(weights), products.pack_right_transposed(dout),
                        out + 2 * dim, 3 * dim);
      products.multiply(products.pack_left(dscores), products.pack_right_transposed(q), out + dim,
                        3 * dim);
      products.multiply(products.pack_left_transposed(dscores), products.pack_right_transposed(k),
                        out, 3 * dim);
    }
}

/// The first thread's are the gradients themselves.
BlockPass::Gradients BlockPass::thread_gradients(int thread) {
  if (thread == 0 || tensors_.dout == nullptr) return tensors_.gradients;
  std::int64_t size = 0;
  for (const auto parameter : kAllParameters) size += size_of(parameter, shape_);
  auto* at = memory_[static_cast<std::size_t>(thread)].gradients.of(size);
  Gradients gradients{};
  for (const auto parameter : kAllParameters) {
    gradients[parameter] = at;
    at += size_of(parameter, shape_);
  }
  return gradients;
}

void BlockPass::add_gradients_of_threads() {
  std::vector<Gradients> all;
  all.reserve(static_cast<std::size_t>(threads_));
  for (int thread = 0; thread < threads_; ++thread) all.push_back(thread_gradients(thread));
  on_threads([&](int thread) {
    for (const auto parameter : kAllParameters) {
      const auto [begin, end] =
          share_of(size_of(parameter, shape_), kernels::kPadding, threads_, thread);
      auto* sum = tensors_.gradients[parameter] + begin;
      for (int other = 1; other < threads_; ++other)
        kernels::add_scaled(isa_, sum, all[static_cast<std::size_t>(other)][parameter] + begin,
                            1.0F, end - begin, sum);
    }
  });
}

}  // namespace vit::nn::own
