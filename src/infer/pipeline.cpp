#include "vit/infer/pipeline.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/core/threads.h"

namespace vit::infer {
namespace {

using LoadClock = std::chrono::steady_clock;

void load_input(Input& input, std::span<float> chw, bool keep_image, LoadedInput& loaded) {
  const auto begin = LoadClock::now();
  try {
    input.load(chw, keep_image ? &loaded.image : nullptr);
  } catch (...) {
    loaded.error = std::current_exception();
    std::fill(chw.begin(), chw.end(), 0.0F);
  }
  input.load = nullptr;
  loaded.load_seconds = std::chrono::duration<double>(LoadClock::now() - begin).count();
}

}  // namespace

struct Pipeline::State {
  /// A batch whose inputs are being loaded.
  struct PendingBatch {
    InputBatch batch;
    std::vector<std::future<void>> loads;

    // The loads write into `batch`.
    ~PendingBatch() {
      for (auto& load : loads)
        if (load.valid()) load.wait();
    }
  };

  std::unique_ptr<InputSource> source;
  PipelineOptions options;
  ThreadPool pool;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<PendingBatch>> batches;  // oldest first
  bool finished = false;                              // the source has no more
  std::atomic<bool> cancelled = false;
  std::exception_ptr source_error;
  std::thread reader;

  State(std::unique_ptr<InputSource> source_, PipelineOptions options_)
      : source(std::move(source_)),
        options(std::move(options_)),
        pool(static_cast<int>(std::max<std::int64_t>(options.workers, 1))) {}

  /// None at the end, which an error is too: the inputs before it are answered first.
  std::optional<Input> draw() {
    try {
      return source->next();
    } catch (...) {
      source_error = std::current_exception();
      return std::nullopt;
    }
  }

  Array allocate_batch() const {
    const auto [c, h, w] = options.shape;
    try {
      return Array({options.batch_size, c, h, w});
    } catch (const IoError& error) {
      throw IoError("{}, for a batch of {} inputs of {} × {} × {}", error.what(),
                    options.batch_size, c, h, w);
    }
  }

  /// Draws inputs for one batch and hands them to the workers; null at the end.
  std::unique_ptr<PendingBatch> begin_batch() {
    auto pending = std::make_unique<PendingBatch>();
    auto& inputs = pending->batch.inputs;
    while (static_cast<std::int64_t>(inputs.size()) < options.batch_size) {
      auto input = draw();
      if (!input) break;
      if (inputs.empty()) {
        pending->batch.images = allocate_batch();
        // Workers hold references into it.
        inputs.reserve(static_cast<std::size_t>(options.batch_size));
      }
      const auto chw = pending->batch.images.row(static_cast<std::int64_t>(inputs.size()));
      auto& loaded = inputs.emplace_back();
      loaded.name = input->name;
      loaded.label = input->label;
      pending->loads.push_back(
          pool.submit([this, input = std::move(*input), chw, &loaded]() mutable {
            if (!cancelled) load_input(input, chw, options.keep_images, loaded);
          }));
    }
    return inputs.empty() ? nullptr : std::move(pending);
  }

  /// The reader thread: keeps `prefetch` batches in the making.
  void read() {
    try {
      while (true) {
        {
          std::unique_lock lock(mutex);
          changed.wait(lock, [this] {
            return cancelled || static_cast<std::int64_t>(batches.size()) < options.prefetch;
          });
          if (cancelled) break;
        }
        auto pending = begin_batch();
        if (!pending) break;
        const std::lock_guard lock(mutex);
        batches.push_back(std::move(pending));
        changed.notify_all();
        if (source_error) break;
      }
    } catch (...) {
      source_error = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    finished = true;
    changed.notify_all();
  }

  bool stopping() const { return options.stopping && options.stopping(); }
};

Pipeline::Pipeline(std::unique_ptr<InputSource> source, PipelineOptions options)
    : state_(std::make_unique<State>(std::move(source), std::move(options))) {
  state_->reader = start_thread([state = state_.get()] { state->read(); });
}

Pipeline::~Pipeline() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->cancelled = true;
    state_->source->cancel();
  }
  state_->changed.notify_all();
  state_->reader.join();
  state_->batches.clear();
}

std::optional<InputBatch> Pipeline::next() {
  using namespace std::chrono_literals;
  auto& s = *state_;
  std::unique_ptr<State::PendingBatch> pending;
  {
    std::unique_lock lock(s.mutex);
    // A signal does not wake a condition variable: look now and then.
    while (!s.changed.wait_for(lock, 50ms, [&] { return !s.batches.empty() || s.finished; }))
      if (s.stopping()) return std::nullopt;
    if (s.batches.empty()) {
      if (s.source_error) std::rethrow_exception(s.source_error);
      return std::nullopt;
    }
    if (s.stopping()) return std::nullopt;
    pending = std::move(s.batches.front());
    s.batches.pop_front();
  }
  s.changed.notify_all();
  for (auto& load : pending->loads) load.wait();
  auto& batch = pending->batch;
  batch.images.keep_rows(static_cast<std::int64_t>(batch.inputs.size()));
  return std::move(batch);
}

std::string error_message(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return one_line(e.what());
  } catch (const std::bad_alloc&) {
    return "not enough memory";
  } catch (const std::exception& e) {
    return one_line(e.what());
  }
}

}  // namespace vit::infer
