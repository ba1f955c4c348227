#include "penstock/control/mailing.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {
namespace {

constexpr std::size_t kMostWaiting = 100;
constexpr std::size_t kLongestAnswer = 4096, kLongestLine = 900;
constexpr std::uint64_t kAgainMs = 1000;   // Where the system has no room for a connection.
constexpr std::uint64_t kQuietMs = 10000;  // How often it is told at most that mails are lost.

std::string date_of_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[80] = "";
  std::strftime(text, sizeof(text), "%a, %d %b %Y %T %z (%Z)", &parts);
  return text;
}

// A line of a mail, whatever a server has said: one line, and not too long for SMTP.
std::string mail_line(std::string_view line) {
  if (line.ends_with('.')) line.remove_suffix(1);
  std::string out(line.substr(0, kLongestLine));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return out;
}

}  // namespace

void Mailbox::add(Mail mail) {
  if (waiting_.size() >= kMostWaiting) {
    ++untold_;
    return;
  }
  waiting_.push_back(std::move(mail));
  if (waiting_.size() == 1) begin();
}

void Mailbox::begin() {
  said_ = Said::Nothing;
  came_.clear();
  ConnectionEvents& events = *this;
  connection_ = Connection::connect(loop(), mailer_.address, {}, {}, {}, events);
  if (!connection_) return set_deadline(kAgainMs);
  if (waiting_.front().timeout_ms != 0) set_deadline(waiting_.front().timeout_ms);
}

void Mailbox::on_deadline() {
  if (connection_) return end("it was too slow");
  if (mailer_.address.empty()) return end("its name has no address");
  begin();
}

void Mailbox::on_bytes(Slice bytes) {
  came_ += bytes.view();
  while (connection_) {
    const std::size_t size = came_.find('\n');
    if (size == std::string::npos) break;
    const std::string line = came_.substr(0, size);
    came_.erase(0, size + 1);
    // There are more lines of this answer.
    if (line.size() > 3 && line[3] == '-') continue;
    answered(line);
  }
  if (connection_ && came_.size() > kLongestAnswer) end("what it says is no SMTP");
}

void Mailbox::answered(std::string_view line) {
  const Mail& mail = waiting_.front();
  if (said_ == Said::Quit) return end({});
  if (!line.starts_with(said_ == Said::Data ? '3' : '2')) return end(mail_line(line));
  switch (said_) {
    case Said::Nothing:
      return say(Said::Hello, format("HELO {}\r\n", mail.host));
    case Said::Hello:
      return say(Said::From, format("MAIL FROM:<{}>\r\n", mail.from));
    case Said::From:
      return say(Said::To, format("RCPT TO:<{}>\r\n", mail.to));
    case Said::To:
      return say(Said::Data, "DATA\r\n");
    case Said::Data:
      return say(Said::Text, mail.text);
    case Said::Text:
    case Said::Quit:
      return say(Said::Quit, "QUIT\r\n");
  }
}

void Mailbox::say(Said what, const std::string& text) {
  said_ = what;
  connection_->send(text);
}

void Mailbox::end(std::string_view why) {
  // It has it; how it parts does not matter.
  const bool sent = why.empty() || said_ == Said::Quit;
  if (!sent) ++untold_;
  const std::string reason(why);
  connection_.reset();
  waiting_.pop_front();
  if (!sent && (reported_ms_ == 0 || loop().now() - reported_ms_ >= kQuietMs)) {
    reported_ms_ = loop().now();
    report_(format("mailer '{}' did not take {} mail{}: {}", mailer_.name, untold_, untold_ == 1 ? "" : "s", reason));
    untold_ = 0;
  }
  // Not from within a call of the connection that has gone.
  waiting_.empty() ? clear_deadline() : set_deadline(1);
}

void Mailing::send(Loop& loop, const MailPlan& plan, std::string_view line, Mailbox::Report report) {
  const std::string text = mail_line(line);
  const std::string whole =
      format("From: {}\r\nTo: {}\r\nDate: {}\r\nSubject: [HAProxy Alert] {}\r\n\r\n{}\r\n\r\n.\r\n", plan.from, plan.to,
             date_of_now(), text, text);
  for (const MailerPlan& mailer : plan.mailers) {
    const auto is_its = [&](const Owned<Mailbox>& box) { return box->is_of(mailer); };
    auto box = std::find_if(boxes_.begin(), boxes_.end(), is_its);
    if (box == boxes_.end()) box = boxes_.insert(boxes_.end(), Owned<Mailbox>(new Mailbox(loop, mailer, report)));
    (*box)->add({plan.host, plan.from, plan.to, whole, plan.timeout_ms});
  }
}

void Mailing::sweep() {
  std::erase_if(boxes_, [](const Owned<Mailbox>& box) { return box->idle(); });
}

}  // namespace penstock
