// A data set and a model small enough to train in a test.
#pragma once

#include <fstream>
#include <memory>

#include "support/support.h"
#include "vit/core/random.h"
#include "vit/train/trainer.h"

namespace vit::testing {

/// Writes IDX `[count]` labels and `[count, 8, 8]` images whose brightness follows the label.
inline void write_tiny_idx(const std::filesystem::path& folder, const std::string& prefix,
                           std::uint32_t count) {
  const auto big_endian = [](std::ofstream& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.put(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  };
  std::ofstream images(folder / (prefix + "-images-idx3-ubyte"), std::ios::binary);
  std::ofstream labels(folder / (prefix + "-labels-idx1-ubyte"), std::ios::binary);
  for (const std::uint32_t value : {0x803U, count, 8U, 8U}) big_endian(images, value);
  for (const std::uint32_t value : {0x801U, count}) big_endian(labels, value);
  Random random(5, 0, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    labels.put(static_cast<char>(i % 3));
    for (int pixel = 0; pixel < 64; ++pixel)
      images.put(static_cast<char>(static_cast<unsigned char>(80 * (i % 3) + random.below(80))));
  }
}

/// 43 images to train on, 11 to validate on, three classes.
inline std::filesystem::path tiny_data(const TemporaryFolder& folder) {
  const auto data = folder / "data";
  if (std::filesystem::create_directory(data)) {
    write_tiny_idx(data, "train", 43);
    write_tiny_idx(data, "t10k", 11);
  }
  return data;
}

/// Everything that draws random numbers or keeps state between steps is on: dropout, drop path,
/// random crops, the average.
inline train::TrainOptions tiny_options(const TemporaryFolder& folder, const std::string& run) {
  train::TrainOptions options;
  options.data(tiny_data(folder));
  options.run().output(folder / run);
  options.model_args({"img_size=8", "patch_size=4", "in_c=1", "embed_dim=8", "depth=2",
                      "num_heads=2", "mlp_ratio=2", "proj_drop_rate=.1"});
  options.regularization().drop(0.1);
  options.regularization().drop_path(0.2);
  options.regularization().ema(0.9);
  options.optimizer().clip_grad(1.0);
  options.epochs(3);
  options.batch_size(8);  // five steps an epoch
  options.augment().crop_mode("shift");
  return options;
}

inline std::unique_ptr<train::Trainer> make_trainer(const train::TrainOptions& options, Log& log,
                                                    train::TrainCallbacks callbacks = {}) {
  return std::make_unique<train::Trainer>(options, train::prepare(options, log), log,
                                          std::move(callbacks));
}

}  // namespace vit::testing
