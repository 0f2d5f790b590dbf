#include "dataset_record.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>

#include "vit/core/error.h"
#include "vit/core/json.h"
#include "vit/core/text.h"
#include "vit/core/threads.h"
#include "vit/io/safetensors.h"
#include "vit/model/weights.h"

namespace vit::train {
namespace {

/// Sizes of files are waited for, not computed: many at once where the dataset is on a network.
constexpr int kThreads = 16;
constexpr std::int64_t kPiece = 4096;

at::Tensor marks_of(const data::Dataset& data) {
  auto marks = at::empty({data.size()}, at::kInt);
  auto* mark = marks.mutable_data_ptr<std::int32_t>();
  const auto fill = [&](std::int64_t begin) {
    for (auto i = begin; i < std::min(begin + kPiece, data.size()); ++i)
      mark[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(data.fingerprint(i)));
  };
  if (data.size() <= kPiece) {
    fill(0);
    return marks;
  }
  ThreadPool pool(kThreads);
  std::vector<std::future<void>> pieces;
  for (std::int64_t begin = 0; begin < data.size(); begin += kPiece)
    pieces.push_back(pool.submit([&fill, begin] { fill(begin); }));
  for (auto& piece : pieces) piece.get();
  return marks;
}

/// Of images that were added, removed or changed, the first that is there now.
std::string difference(const char* what, const at::Tensor& before, const at::Tensor& now,
                       const data::Dataset& data) {
  const auto old_size = before.numel(), new_size = now.numel();
  const auto* was = before.const_data_ptr<std::int32_t>();
  const auto* is = now.const_data_ptr<std::int32_t>();
  const auto shared = std::min(old_size, new_size);
  const auto first = std::mismatch(was, was + shared, is).first - was;
  if (first == shared && old_size == new_size) return "";
  const auto counts = old_size == new_size
                          ? format("{} images", new_size)
                          : format("expected {} images, found {}", old_size, new_size);
  return format("{}: {}, the first difference at image {}{}", what, counts, first + 1,
                first < new_size ? " (" + data.name(first) + ")" : " (after the last one)");
}

io::TensorToWrite entry(const char* name, const at::Tensor& marks) {
  return {name, io::DType::kI32, {marks.numel()}, [marks] {
            return std::span(static_cast<const std::byte*>(marks.const_data_ptr()), marks.nbytes());
          }};
}

at::Tensor marks_from(const io::TensorTable& tensors, const char* name, const std::string& where) {
  const auto* found = tensors.find(name);
  if (found == nullptr || found->dtype != io::DType::kI32 || found->shape.size() != 1)
    throw DataError("{}: expected a tensor '{}' of whole numbers", where, name);
  return model::to_tensor(*found).clone();
}

}  // namespace

DatasetRecord record_dataset(const data::Dataset& train, const data::Dataset& val) {
  return {printable(train.classes()), marks_of(train), marks_of(val)};
}

void write_record(const std::filesystem::path& file, const DatasetRecord& record) {
  io::write_safetensors(file, {entry("train", record.train), entry("val", record.val)},
                        {{"classes", Json(record.classes).dump()}, {"teacher", record.teacher}});
}

DatasetRecord read_record(const std::filesystem::path& file) {
  const auto read = io::read_safetensors(file);
  const auto classes = read.metadata.find("classes");
  const auto json = classes == read.metadata.end()
                        ? Json()
                        : Json::parse(classes->second, nullptr, /*allow_exceptions=*/false);
  const auto teacher = read.metadata.find("teacher");
  return {detail::field_from_json<std::vector<std::string>>(json, file.string() + ": 'classes'"),
          marks_from(read.tensors, "train", file.string()),
          marks_from(read.tensors, "val", file.string()),
          teacher == read.metadata.end() ? "" : teacher->second};
}

std::string dataset_difference(const DatasetRecord& before, const DatasetRecord& now,
                               const data::Dataset& train, const data::Dataset& val) {
  auto text = difference("training", before.train, now.train, train);
  const auto other = difference("validation", before.val, now.val, val);
  if (!text.empty() && !other.empty()) text += "; ";
  return text + other;
}

}  // namespace vit::train
