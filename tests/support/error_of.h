// What an Error says.
#pragma once

#include <string>

#include "vit/core/error.h"

namespace vit::testing {

/// The message of the Error that `call` throws, or "no error".
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace vit::testing
