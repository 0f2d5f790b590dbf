// Floats for kernels: aligned, zeroed, in huge pages where it is worth it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vit::engine {

class FloatBuffer {
 public:
  FloatBuffer() = default;
  /// `count` zeros. Throws IoError where there is not so much memory.
  explicit FloatBuffer(std::int64_t count);

  float* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    Free() noexcept : Free(0) {}
    explicit Free(std::size_t bytes) noexcept : mapped(bytes) {}
    std::size_t mapped;  ///< bytes; 0: from the heap
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  std::int64_t size_ = 0;
};

}  // namespace vit::engine
