// vit_loader_worker FOLDER WORKERS: a training pass over class folders, with RandomResizedCrop and
// RandAugment, as loader.py's worker. Reads a number of images a line, answers with milliseconds
// for each image.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "vit/data/loader.h"
#include "vit/data/train_transform.h"

namespace {

using Clock = std::chrono::steady_clock;

/// Images of one pass after the other.
class Passes {
 public:
  Passes(const char* folder, std::int64_t workers)
      : dataset_(vit::data::open_class_folders(folder, 3)), transform_(options(), {}, kSize, 3) {
    loading_.shape = {3, kSize[0], kSize[1]};
    loading_.batch_size = 32;
    loading_.workers = workers;
  }

  void take(std::int64_t images) {
    while (images > 0) {
      if (!loader_) begin();
      const auto batch = loader_->next();
      if (!batch) {
        loader_.reset();
        continue;
      }
      vit::data::check_samples(*batch);
      images -= batch->images.size(0);
    }
  }

 private:
  static constexpr vit::Size2d kSize{224, 224};

  static vit::data::AugmentOptions options() {
    vit::data::AugmentOptions options;
    options.aa("rand-m7-mstd0.5-inc1");
    options.interpolation("bicubic");
    return options;
  }

  void begin() {
    vit::data::EpochOptions pass;
    pass.epoch = epoch_++;
    auto order = vit::data::shuffled(dataset_->size(), 0, pass.epoch);
    loader_ = std::make_unique<vit::data::Loader>(
        vit::data::epoch_samples(dataset_, transform_, std::move(order), std::move(pass)),
        loading_);
  }

  std::shared_ptr<const vit::data::Dataset> dataset_;
  vit::data::TrainTransform transform_;
  vit::data::LoaderOptions loading_;
  std::unique_ptr<vit::data::Loader> loader_;
  std::uint64_t epoch_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: vit_loader_worker FOLDER WORKERS\n";
    return 2;
  }
  Passes passes(argv[1], std::atoi(argv[2]));
  std::cout << "ready" << std::endl;
  for (std::int64_t images = 0; std::cin >> images;) {
    const auto begin = Clock::now();
    passes.take(images);
    const std::chrono::duration<double, std::milli> spent = Clock::now() - begin;
    std::cout << spent.count() / static_cast<double>(images) << std::endl;
  }
}
