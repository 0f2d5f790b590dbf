#include "vit/io/html.h"

#include <cstdio>

#include "gallery_page.h"
#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::io {
namespace {

std::string percent(double prob) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * prob);
  return text;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

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

Gallery::Gallery(const std::filesystem::path& path, std::string_view title,
                 const std::vector<std::pair<std::string, std::string>>& facts)
    : file_(path) {
  std::string list;
  for (const auto& [name, value] : facts)
    list += format("<div><dt>{}</dt><dd>{}</dd></div>", html_escape(name), html_escape(value));
  const auto escaped = html_escape(title);
  file_.write(format(kGalleryHead, escaped, kGalleryStyle, escaped, list));
}

void Gallery::add(const GalleryCard& card) {
  std::string html = format("<article class=\"card\">\n<figure>");
  if (!card.image.empty())
    html += format("<img class=\"image\" loading=\"lazy\" alt=\"{}\" src=\"{}\">",
                   html_escape(card.name), card.image);
  if (!card.attention.empty())
    html += format("<img class=\"attention\" loading=\"lazy\" alt=\"attention\" src=\"{}\">",
                   card.attention);
  html += format("</figure>\n<h2 title=\"{}\">{}</h2>\n", html_escape(card.name),
                 html_escape(file_name(card.name)));
  if (!card.error.empty()) html += format("<p class=\"error\">{}</p>\n", html_escape(card.error));
  if (!card.answers.empty()) html += "<ol>\n";
  for (const auto& answer : card.answers) {
    const auto prob = percent(answer.prob);
    html += format("<li style=\"--p:{}%\"><span>{}</span><b>{}&#8239;%</b></li>\n", prob,
                   html_escape(answer.label), prob);
  }
  if (!card.answers.empty()) html += "</ol>\n";
  file_.write(html + "</article>\n");
}

void Gallery::commit() {
  file_.write(kGalleryTail);
  file_.commit();
}

}  // namespace vit::io
