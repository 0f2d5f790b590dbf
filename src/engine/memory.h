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
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  std::int64_t size_ = 0;
};

}  // namespace vit::engine
