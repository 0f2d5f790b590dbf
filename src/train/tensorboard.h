// Rows of a run's log as TensorBoard's event files have them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vit/core/json.h"

namespace vit::train {

/// A name that TensorBoard recognises.
inline constexpr auto kEventFile = "events.out.tfevents.0.vit-train";

/// How an event file begins. `wall_time`: seconds since 1970.
std::string event_file_header(double wall_time);

/// A `step` or `epoch` row as one record: each number under its own tag, at the row's step. Empty
/// for other rows.
std::string event_record(const Json& row, double wall_time);

/// CRC-32C (Castagnoli), by which each record is checked.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace vit::train
