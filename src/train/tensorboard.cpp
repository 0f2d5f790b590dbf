#include "tensorboard.h"

#include <array>
#include <bit>
#include <utility>

namespace vit::train {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    auto value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? (value >> 1U) ^ 0x82F63B78U : value >> 1U;
    table.at(i) = value;
  }
  return table;
}

template <class T>
void append_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
}

/// Protocol Buffers' variable-length whole number.
void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

enum class Wire : std::uint8_t { kVarint = 0, kDouble = 1, kBytes = 2, kFloat = 5 };

void append_key(std::string& out, unsigned field, Wire wire) {
  append_varint(out, (field << 3U) | static_cast<unsigned>(wire));
}

void append_bytes(std::string& out, unsigned field, std::string_view bytes) {
  append_key(out, field, Wire::kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

/// `Event.wall_time`, with which every event begins.
std::string begin_event(double wall_time) {
  std::string event;
  append_key(event, 1, Wire::kDouble);
  append_little_endian(event, std::bit_cast<std::uint64_t>(wall_time));
  return event;
}

std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U;
}

/// TFRecord: length, its checksum, the bytes, theirs.
std::string record(std::string_view event) {
  std::string out;
  append_little_endian(out, static_cast<std::uint64_t>(event.size()));
  append_little_endian(out, masked_crc(out));
  out += event;
  append_little_endian(out, masked_crc(event));
  return out;
}

/// `Summary.Value`: a tag and a number.
std::string summary_value(std::string_view tag, double number) {
  std::string value;
  append_bytes(value, 1, tag);
  append_key(value, 2, Wire::kFloat);
  append_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
  return value;
}

using Tags = std::array<std::pair<const char*, const char*>, 5>;

constexpr Tags kStepTags{{{"loss", "train/loss"},
                          {"lr", "train/lr"},
                          {"images_per_second", "train/images_per_second"},
                          {"loss_scale", "train/loss_scale"},
                          {"waiting", "train/waiting"}}};
constexpr Tags kEpochTags{{{"train_loss", "epoch/train_loss"},
                           {"eval_loss", "eval/loss"},
                           {"eval_top1", "eval/top1"},
                           {"eval_top5", "eval/top5"},
                           {"eval_map", "eval/map"}}};

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes)
    crc = (crc >> 8U) ^ kTable.at((crc ^ static_cast<unsigned char>(byte)) & 0xFFU);
  return crc ^ 0xFFFFFFFFU;
}

std::string event_file_header(double wall_time) {
  auto event = begin_event(wall_time);
  append_bytes(event, 3, "brain.Event:2");
  return record(event);
}

std::string event_record(const Json& row, double wall_time) {
  const auto kind = row.value("event", Json());
  if (kind != "step" && kind != "epoch") return {};
  std::string summary;
  for (const auto& [key, tag] : kind == "step" ? kStepTags : kEpochTags)
    if (const auto value = row.value(key, Json()); value.is_number())
      append_bytes(summary, 1, summary_value(tag, value.get<double>()));
  const auto step = row.value("step", Json());
  if (summary.empty() || !step.is_number_integer()) return {};
  auto event = begin_event(wall_time);
  append_key(event, 2, Wire::kVarint);
  append_varint(event, step.get<std::uint64_t>());
  append_bytes(event, 5, summary);
  return record(event);
}

}  // namespace vit::train
