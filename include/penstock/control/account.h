// Who the serving process is: user, group, root folder (`user`, `uid`, `group`, `gid`, `chroot`),
// and how it becomes that.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "penstock/base/result.h"
#include "penstock/config/diagnostics.h"

namespace penstock::config {
struct Global;
}

namespace penstock {

struct Account {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::string user, group;  // As errors call them.
  std::string chroot;       // Empty: the root there is.
};

// Looks names up; what is not there is a complaint.
Account account_of(const config::Global& global, config::Diagnostics& diagnostics);
// Whether this process is something else by now.
bool differs(const Account& account);
// Gives up all that `account` has not, for good: afterwards no way leads back, which is tried.
Result<void> become(const Account& account);

}  // namespace penstock
