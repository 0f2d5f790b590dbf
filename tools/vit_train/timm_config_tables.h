// What the keys of timm's args.yaml are here (train.py, 1.0.31).
#pragma once

#include <map>
#include <set>
#include <string>

#include "vit/core/json.h"

namespace vit::tools {

/// A field of TrainOptions.
struct TimmField {
  std::string name;
  bool is_list = false;
};

/// Keys with one field of TrainOptions of the same meaning, which names them. Null leaves the
/// field's default.
const std::map<std::string, TimmField>& timm_fields();

/// What train.py takes for keys that a file lacks, where ours would be another.
const Json& timm_defaults();

/// Keys that change nothing in what is computed.
const std::set<std::string>& timm_without_effect();

/// Keys of what we lack, with the values that ask for nothing (besides null, false, 0 and empty).
const Json& timm_neutral();

}  // namespace vit::tools
