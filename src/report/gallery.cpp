#include "vit/report/gallery.h"

#include <cstdio>

#include "gallery_page.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/report/html.h"

namespace vit::report {
namespace {

std::string percent(double prob) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * prob);
  return text;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

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

}  // namespace vit::report
