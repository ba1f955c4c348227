#include "penstock/control/account.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "penstock/base/format.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

Error refused(std::string_view what) { return Error{format("{}: {}", what, std::strerror(errno))}; }

Result<void> change_root(const std::string& folder) {
  if (::chroot(folder.c_str()) != 0 || ::chdir("/") != 0) return refused(format("cannot chroot to '{}'", folder));
  return {};
}

Result<void> change_group(gid_t gid, const std::string& name) {
  if (::setresgid(gid, gid, gid) != 0) return refused(format("cannot become group {}", name));
  gid_t real = 0, effective = 0, saved = 0;
  ::getresgid(&real, &effective, &saved);
  if (real != gid || effective != gid || saved != gid)
    return Error{format("the system did not make us group {}", name)};
  return {};
}

Result<void> change_user(uid_t uid, const std::string& name) {
  if (::setresuid(uid, uid, uid) != 0) return refused(format("cannot become user {}", name));
  uid_t real = 0, effective = 0, saved = 0;
  ::getresuid(&real, &effective, &saved);
  if (real != uid || effective != uid || saved != uid) return Error{format("the system did not make us user {}", name)};
  if (uid != 0 && ::setuid(0) == 0) return Error{format("as user {} this process could still become root", name)};
  return {};
}

// They go with root, but may be told to stay (SECBIT_KEEP_CAPS, ambient ones).
Result<void> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::syscall(SYS_capset, &header, none) != 0) return refused("cannot drop capabilities");
  return {};
}

void take_user(const passwd* entry, Account& account) {
  account.uid = entry->pw_uid;
  account.user = entry->pw_name;
  account.gid = entry->pw_gid;
  account.group = format("{} of user {}", entry->pw_gid, entry->pw_name);
}

}  // namespace

Account account_of(const config::Global& global, config::Diagnostics& diagnostics) {
  Account account;
  if (!global.user.empty()) {
    const passwd* entry = ::getpwnam(global.user.c_str());
    if (entry == nullptr) {
      diagnostics.add(global.user_place, format("there is no user '{}'", global.user));
    } else {
      take_user(entry, account);
    }
  } else if (global.uid) {
    // A number may have no name; its group then is to be given.
    if (const passwd* entry = ::getpwuid(*global.uid)) take_user(entry, account);
    account.uid = *global.uid;
    account.user = format("{}", *global.uid);
  }
  if (!global.group.empty()) {
    const ::group* entry = ::getgrnam(global.group.c_str());
    if (entry == nullptr) {
      diagnostics.add(global.group_place, format("there is no group '{}'", global.group));
    } else {
      account.gid = entry->gr_gid;
      account.group = global.group;
    }
  } else if (global.gid) {
    account.gid = *global.gid;
    account.group = format("{}", *global.gid);
  }
  account.chroot = global.chroot;
  struct stat facts {};
  // No error: the start of the program needs it, a check elsewhere or a reload does not.
  if (!account.chroot.empty() && (::stat(account.chroot.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))) {
    diagnostics.warn(global.chroot_place, format("'{}' is no folder: a start will fail", account.chroot));
  }
  return account;
}

bool differs(const Account& account) {
  return !account.chroot.empty() || (account.uid && *account.uid != ::geteuid()) ||
         (account.gid && *account.gid != ::getegid());
}

Result<void> become(const Account& account) {
  if (!differs(account)) return {};
  if (!account.chroot.empty()) {
    if (auto done = change_root(account.chroot); !done) return done;
  }
  // Of the groups of whoever started us none is left.
  if ((account.uid || account.gid) && ::geteuid() == 0 && ::setgroups(0, nullptr) != 0) {
    return refused("cannot leave supplementary groups");
  }
  if (account.gid) {
    if (auto done = change_group(*account.gid, account.group); !done) return done;
  }
  if (account.uid) {
    if (auto done = change_user(*account.uid, account.user); !done) return done;
    if (*account.uid != 0) {
      if (auto done = drop_capabilities(); !done) return done;
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("cannot forbid new privileges");
  return {};
}

}  // namespace penstock
