// vit_engine_worker ARCHITECTURE BATCH THREADS: the engine as one of peers.py's workers. Reads a
// number of repetitions a line, answers with a JSON list of milliseconds for each image.
// With --steps as the last argument: prints a table of the steps' times instead.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "random_engine.h"

namespace {

double milliseconds() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

void print_steps(const vit::engine::PackedEngine& engine, const std::vector<float>& images,
                 std::int64_t batch, std::vector<float>& output) {
  for (const auto& step : engine.profile(images.data(), batch, output.data())) {
    const auto flops = step.flops * static_cast<double>(batch);
    std::cout << step.seconds * 1e3 / static_cast<double>(batch) << " ms\t"
              << (step.seconds > 0 ? flops / step.seconds / 1e9 : 0.0) << " GFLOP/s\t" << step.name
              << ": " << step.description << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: vit_engine_worker ARCHITECTURE BATCH THREADS [--steps]\n";
    return 2;
  }
  const std::int64_t batch = std::atoi(argv[2]);
  const auto engine = vit::bench::random_engine(argv[1], std::atoi(argv[3]));
  const std::vector<float> images(static_cast<std::size_t>(batch * engine.input_size()), 0.5F);
  std::vector<float> output(static_cast<std::size_t>(batch * engine.output_size()));
  for (int i = 0; i < 3; ++i) engine.run(images.data(), batch, output.data());
  if (argc > 4 && std::strcmp(argv[4], "--steps") == 0) {
    print_steps(engine, images, batch, output);
    return 0;
  }
  std::cout << "ready" << std::endl;
  for (int count = 0; std::cin >> count;) {
    std::cout << "[";
    for (int i = 0; i < count; ++i) {
      const double begin = milliseconds();
      engine.run(images.data(), batch, output.data());
      std::cout << (i > 0 ? ", " : "") << (milliseconds() - begin) / static_cast<double>(batch);
    }
    std::cout << "]" << std::endl;
  }
}
