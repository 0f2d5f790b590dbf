#include "vit/report/html.h"

#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::report {

std::string html_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto length = utf8_length(text.substr(i));
    const auto character = text.substr(i, length == 0 ? 1 : length);
    i += character.size();
    if (length == 0)
      escaped += "\xef\xbf\xbd";
    else if (character == "&")
      escaped += "&amp;";
    else if (character == "<")
      escaped += "&lt;";
    else if (character == ">")
      escaped += "&gt;";
    else if (character == "\"")
      escaped += "&quot;";
    else if (character == "'")
      escaped += "&#39;";
    else
      escaped += character;
  }
  return escaped;
}

std::string data_uri(std::string_view type, std::string_view bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string uri = format("data:{};base64,", type);
  uri.reserve(uri.size() + (bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t j) -> unsigned {
      return i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U;
    };
    const unsigned group = byte(0) << 16U | byte(1) << 8U | byte(2);
    uri += digits[group >> 18U];
    uri += digits[group >> 12U & 63U];
    uri += i + 1 < bytes.size() ? digits[group >> 6U & 63U] : '=';
    uri += i + 2 < bytes.size() ? digits[group & 63U] : '=';
  }
  return uri;
}

}  // namespace vit::report
