// Explicit random generators, and their state as bytes for checkpoints.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>

namespace vit::runtime {

/// A generator of `device`'s kind (the CPU's for `meta`), seeded.
at::Generator make_generator(std::uint64_t seed, c10::Device device = c10::kCPU);

/// The generator's state, uint8 `[n]`, and back.
at::Tensor generator_state(const at::Generator& generator);
void set_generator_state(at::Generator& generator, const at::Tensor& state);

}  // namespace vit::runtime
