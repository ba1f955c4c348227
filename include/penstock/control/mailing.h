// Mails about servers (`email-alert`), by SMTP: one conversation at a time with each mailer. A mailer that is slow or away is
// waited for by nobody but those mails that stand in its line, which is short; what did not go out in time never does.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/net/connection.h"
#include "penstock/net/living.h"
#include "penstock/proxy/ground.h"

namespace penstock {

struct Mail {
  std::string host, from, to, text;
  std::uint64_t timeout_ms = 0;
};

// The line of one mailer.
class Mailbox final : public Living, private ConnectionEvents {
 public:
  using Report = std::function<void(const std::string& line)>;
  Mailbox(Loop& loop, const MailerPlan& mailer, Report report)
      : Living(loop), mailer_(mailer), report_(std::move(report)) {}
  void add(Mail mail);
  bool is_of(const MailerPlan& mailer) const { return mailer_ == mailer; }
  bool idle() const { return waiting_.empty(); }

 private:
  // What is awaited an answer to.
  enum class Said : std::uint8_t { Nothing, Hello, From, To, Data, Text, Quit };

  void on_close() override { connection_.reset(); }
  void on_deadline() override;
  void on_ready() override { connection_->set_reading(true); }
  void on_bytes(Slice bytes) override;
  void on_read_end(bool) override { end("it has closed the connection"); }
  void on_sent() override {}
  void on_lost(const Loss& loss) override { end(loss.text); }
  void on_time_out() override {}
  void begin();
  // An answer has come, all its lines.
  void answered(std::string_view line);
  void say(Said what, const std::string& text);
  // The first of the line is over. Empty: it was sent.
  void end(std::string_view why);

  const MailerPlan mailer_;
  const Report report_;
  std::deque<Mail> waiting_;
  Owned<Connection> connection_;
  std::string came_;
  Said said_ = Said::Nothing;
  std::uint64_t reported_ms_ = 0;
  std::uint64_t untold_ = 0;  // Mails that were lost since.
};

class Mailing {
 public:
  // `line`: as the log has it.
  void send(Loop& loop, const MailPlan& plan, std::string_view line, Mailbox::Report report);
  // Who has nothing to send goes.
  void sweep();

 private:
  std::vector<Owned<Mailbox>> boxes_;
};

}  // namespace penstock
