// Intrusive list; an element unlinks itself when it dies. An element may be in as many lists as it
// has nodes, told apart by their Tag.
#pragma once

#include <cstddef>

#include "penstock/base/require.h"

namespace penstock {

template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != this; }
  void unlink() {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  template <class, class>
  friend class List;
  void link_before(ListNode& other) {
    require(!linked());
    next_ = &other;
    previous_ = other.previous_;
    previous_->next_ = this;
    other.previous_ = this;
  }
  ListNode* next_ = this;
  ListNode* previous_ = this;
};

// T derives from ListNode<Tag>. The list owns nothing and must be empty, or its elements stay
// unlinked, when it dies.
template <class T, class Tag = void>
class List {
 public:
  List() = default;
  ~List() { clear(); }

  bool empty() const { return !root_.linked(); }
  T& front() { return element(root_.next_); }
  T& back() { return element(root_.previous_); }
  void push_back(T& item) { node(item).link_before(root_); }
  void push_front(T& item) { node(item).link_before(*root_.next_); }
  void insert_before(T& place, T& item) { node(item).link_before(node(place)); }
  T& pop_front() {
    require(!empty());
    T& item = front();
    node(item).unlink();
    return item;
  }
  void clear() {
    while (!empty()) root_.next_->unlink();
  }
  // Takes over all elements of `other`, behind those here.
  void take_all(List& other) {
    while (!other.empty()) push_back(other.pop_front());
  }
  std::size_t count() const {
    std::size_t n = 0;
    for (const ListNode<Tag>* at = root_.next_; at != &root_; at = at->next_) ++n;
    return n;
  }

  // Removing the element the loop stands on is safe; removing its successor is not.
  class Iterator {
   public:
    explicit Iterator(ListNode<Tag>* at) : at_(at), next_(at->next_) {}
    T& operator*() const { return element(at_); }
    Iterator& operator++() {
      at_ = next_;
      next_ = at_->next_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    ListNode<Tag>* at_;
    ListNode<Tag>* next_;
  };
  Iterator begin() { return Iterator(root_.next_); }
  Iterator end() { return Iterator(&root_); }

 private:
  static ListNode<Tag>& node(T& item) { return static_cast<ListNode<Tag>&>(item); }
  static T& element(ListNode<Tag>* at) { return *static_cast<T*>(at); }
  ListNode<Tag> root_;
};

}  // namespace penstock
