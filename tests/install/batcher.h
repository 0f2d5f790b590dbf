// Requests of many threads, run through the model together.
#pragma once

#include <vit/infer/predictor.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

/// One thread runs the model on whatever waits, at most `max_batch` at a time. The first request of
/// a batch waits for company no longer than `max_delay`: more of it makes larger batches (more
/// images a second), less of it a faster answer to a lone request.
class Batcher {
 public:
  Batcher(const vit::Predictor& predictor, std::size_t max_batch,
          std::chrono::milliseconds max_delay)
      : predictor_(predictor), max_batch_(max_batch), max_delay_(max_delay) {
    model_thread_ = std::thread([this] { run(); });
  }

  ~Batcher() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    model_thread_.join();
  }

  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// x: [1, C, H, W], as Predictor::preprocess makes it. All requests have one shape.
  /// The future holds logits [num_classes], or the error that the model threw.
  std::future<std::vector<float>> submit(vit::Array x) {
    Request request{std::move(x), {}};
    auto answer = request.answer.get_future();
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(request));
    }
    changed_.notify_all();
    return answer;
  }

 private:
  struct Request {
    vit::Array x;
    std::promise<std::vector<float>> answer;
  };

  /// Blocks until there is work; empty when there is none left and the batcher stops.
  std::vector<Request> next_batch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, max_delay_,
                      [this] { return stopping_ || waiting_.size() >= max_batch_; });
    std::vector<Request> batch;
    while (!waiting_.empty() && batch.size() < max_batch_) {
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return batch;
  }

  void run() {
    for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) {
      try {
        auto shape = batch.front().x.shape;
        shape[0] = static_cast<std::int64_t>(batch.size());
        vit::Array inputs(shape);
        for (std::int64_t i = 0; i < shape[0]; ++i)
          std::ranges::copy(batch[i].x.data, inputs.row(i).begin());
        const auto logits = predictor_.predict(inputs);  // [B, num_classes]
        for (std::int64_t i = 0; i < shape[0]; ++i) {
          const auto row = logits.row(i);
          batch[i].answer.set_value({row.begin(), row.end()});
        }
      } catch (...) {
        for (auto& request : batch) request.answer.set_exception(std::current_exception());
      }
    }
  }

  const vit::Predictor& predictor_;
  const std::size_t max_batch_;
  const std::chrono::milliseconds max_delay_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  bool stopping_ = false;
  std::thread model_thread_;
};
