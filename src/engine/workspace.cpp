#include "engine/workspace.h"

#include <chrono>

namespace vit::engine {
namespace {

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

/// Runs the steps one after the other; the group's threads meet after each.
void run_steps(const std::vector<StepPtr>& steps, const Frame& frame, double* seconds) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double begin = seconds != nullptr ? now() : 0.0;
    steps[i]->run(frame);
    frame.group->meet();
    if (seconds != nullptr) seconds[i] += now() - begin;
  }
}

}  // namespace

Workspace::Workspace(const Plan& plan, int threads)
    : plan_(plan), batch_memory_(plan.buffers.size()) {
  for (int rank = 0; rank < threads; ++rank) {
    scratch_.emplace_back(plan.scratch());
    solo_.push_back(std::make_unique<Group>());
    auto slot = std::make_unique<Slot>();
    slot->memory.resize(plan.buffers.size());
    slot->buffers.resize(plan.buffers.size());
    slots_.push_back(std::move(slot));
  }
  all_.reset(threads);
}

void Workspace::make_slots() {
  for (auto& slot : slots_)
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
      const auto& spec = plan_.buffers[i];
      if (spec.scope != Scope::kImage || spec.alias >= 0) continue;
      slot->memory[i] = FloatBuffer(plan_.size(spec, 1));
      slot->buffers[i] = slot->memory[i].data();
    }
}

void Workspace::bind_batch_buffers() {
  for (auto& slot : slots_)
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
      const auto& spec = plan_.buffers[i];
      if (spec.alias >= 0)
        slot->buffers[i] = slot->buffers[static_cast<std::size_t>(spec.alias)];
      else if (spec.scope == Scope::kBatch)
        slot->buffers[i] = batch_memory_[i].data();
    }
}

void Workspace::reserve(std::int64_t batch) {
  if (batch <= capacity_) return;
  if (capacity_ == 0) make_slots();
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const auto& spec = plan_.buffers[i];
    if (spec.scope == Scope::kBatch && spec.alias < 0)
      batch_memory_[i] = FloatBuffer(plan_.size(spec, batch));
  }
  bind_batch_buffers();
  capacity_ = batch;
}

void Workspace::start() { next_image_.store(0, std::memory_order_relaxed); }

void Workspace::run_image(Frame frame, Slot& slot, const float* images, std::int64_t image,
                          double* seconds) const {
  frame.buffers = slot.buffers.data();
  frame.image = image;
  frame.input = images + image * plan_.input_size;
  run_steps(plan_.image_steps, frame, seconds);
}

void Workspace::run(const float* images, std::int64_t batch, float* output, int rank, int count,
                    double* seconds) {
  Frame frame;
  frame.isa = plan_.isa;
  frame.specs = &plan_.buffers;
  frame.batch = batch;
  frame.output = output;
  frame.scratch = scratch_[static_cast<std::size_t>(rank)].data();
  auto& solo = *solo_[static_cast<std::size_t>(rank)];
  auto& all = count == 1 ? solo : all_;

  // Whole images for each thread, as long as there is one for every thread.
  const auto whole = batch / count * count, rest = batch - whole;
  frame.group = &solo;
  for (std::int64_t i; (i = next_image_.fetch_add(1, std::memory_order_relaxed)) < whole;)
    run_image(frame, *slots_[static_cast<std::size_t>(rank)], images, i, seconds);

  if (rest > 0) {
    // Each of the images that remain gets its share of the threads.
    const auto member = [&](int thread) { return thread * rest / count; };
    auto& slot = *slots_[static_cast<std::size_t>(member(rank))];
    if (rank == 0)
      for (std::int64_t i = 0; i < rest; ++i) {
        int size = 0;
        for (int thread = 0; thread < count; ++thread) size += member(thread) == i ? 1 : 0;
        slots_[static_cast<std::size_t>(i)]->group.reset(size);
      }
    all.meet();
    frame.group = &slot.group;
    run_image(frame, slot, images, whole + member(rank), seconds);
  }

  all.meet();
  frame.group = &all;
  frame.buffers = slots_[0]->buffers.data();
  run_steps(plan_.batch_steps, frame,
            seconds != nullptr ? seconds + plan_.image_steps.size() : nullptr);
}

}  // namespace vit::engine
