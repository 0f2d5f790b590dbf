#include "vit/runtime/generator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

namespace vit::runtime {

at::Generator make_generator(std::uint64_t seed, c10::Device device) {
  auto generator = device.is_cuda() ? at::globalContext().defaultGenerator(device).clone()
                                    : at::make_generator<at::CPUGeneratorImpl>(seed);
  generator.set_current_seed(seed);
  return generator;
}

at::Tensor generator_state(const at::Generator& generator) {
  auto copy = generator;
  const std::lock_guard lock(copy.mutex());
  return copy.get_state();
}

void set_generator_state(at::Generator& generator, const at::Tensor& state) {
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace vit::runtime
