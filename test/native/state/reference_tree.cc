#include "state/reference_tree.h"

#include <algorithm>
#include <map>

namespace cfsrepl {
namespace {

struct Link {
  LinkId id;
  Inode child = 0;
  Stamp stamp;
  bool removed = false;
  Inode parent = 0;
  std::string name;
};

bool Greater(const Link& a, const Link& b) {
  return std::make_tuple(a.stamp, !a.removed, a.child, a.id) >
         std::make_tuple(b.stamp, !b.removed, b.child, b.id);
}

struct Registers {
  struct Node {
    Stamp birth;
    Kind kind = Kind::kNone;
    Stamp asserted;
  };
  std::map<Inode, Node> nodes;
  std::map<std::pair<Inode, LinkId>, Link> links;

  void WriteLink(Link link) {
    Link& held = links[{link.child, link.id}];
    if (link.stamp > held.stamp) held = std::move(link);
  }

  void Merge(const TestEntry& entry) {
    EntryPayload parts = DecodePayload(entry.header, entry.payload).value();
    Stamp stamp{entry.header.hlc(), entry.origin, entry.header.lsn()};
    Op op = static_cast<Op>(entry.header.op());
    Inode inode = entry.inode();
    Node& node = nodes[inode];
    bool is_birth = op == Op::Create || op == Op::Mkdir || op == Op::Symlink;
    if (is_birth && stamp > node.birth) {
      node.birth = stamp;
      node.kind = KindOfMode(parts.attributes.mode());
    }
    const bool asserts = (entry.header.flags() & kEntryAssertsLinks) != 0;
    if (is_birth || asserts) node.asserted = std::max(node.asserted, stamp);
    if (is_birth || op == Op::Link) {
      WriteLink({entry.link(), inode, stamp, false, parts.parent, AsString(parts.name)});
    }
    if (op == Op::Unlink || op == Op::Rmdir) {
      WriteLink({parts.link, inode, stamp, true, parts.parent, AsString(parts.name)});
    }
    if (op == Op::Rename) {
      if (parts.replaced_inode != 0) {
        WriteLink({parts.replaced_link, parts.replaced_inode, stamp, true, parts.new_parent,
                   AsString(parts.new_name)});
      }
      WriteLink({parts.link, inode, stamp, false, parts.new_parent, AsString(parts.new_name)});
    }
  }

  Kind KindOf(Inode inode) const {
    if (inode == kRootInode) return Kind::kDirectory;
    auto it = nodes.find(inode);
    return it == nodes.end() ? Kind::kNone : it->second.kind;
  }

  bool OwnRight(const Link& link) const {
    if (KindOf(link.child) == Kind::kNone) return false;
    if (!link.removed) return true;
    return nodes.at(link.child).asserted > link.stamp;
  }

  // Rules 1 and 2 of visible_tree.h.
  std::vector<Link> LiveLinks() const {
    std::map<Inode, std::vector<Link>> of_directory;
    std::vector<Link> live;
    for (const auto& [key, link] : links) {
      if (KindOf(link.child) == Kind::kDirectory) {
        of_directory[link.child].push_back(link);
      } else if (OwnRight(link)) {
        live.push_back(link);
      }
    }
    std::vector<Link> doubtful;
    for (auto& [directory, candidates] : of_directory) {
      std::sort(candidates.begin(), candidates.end(), [&](const Link& a, const Link& b) {
        if (OwnRight(a) != OwnRight(b)) return OwnRight(a);
        return Greater(a, b);
      });
      (OwnRight(candidates[0]) ? live : doubtful).push_back(candidates[0]);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < doubtful.size(); i++) {
        bool has_child = std::any_of(live.begin(), live.end(), [&](const Link& link) {
          return link.parent == doubtful[i].child;
        });
        if (!has_child) continue;
        live.push_back(doubtful[i]);
        doubtful.erase(doubtful.begin() + static_cast<long>(i));
        changed = true;
        break;
      }
    }
    return live;
  }

  // Rule 3: cut links move to the root.
  void CutCycles(std::vector<Link>* live) const {
    std::map<Inode, Link*> up;
    for (Link& link : *live) {
      if (KindOf(link.child) == Kind::kDirectory && KindOf(link.parent) == Kind::kDirectory) {
        up[link.child] = &link;
      }
    }
    std::set<Link*> cuts;
    for (const auto& [start, link] : up) {
      std::vector<Link*> walked;
      Inode at = start;
      for (size_t steps = 0; steps <= up.size() && up.contains(at); steps++) {
        walked.push_back(up[at]);
        at = up[at]->parent;
        if (at == start) break;
      }
      if (at != start) continue;
      cuts.insert(*std::max_element(walked.begin(), walked.end(),
                                    [](Link* a, Link* b) { return Greater(*b, *a); }));
    }
    for (Link* link : cuts) link->parent = kRootInode;
  }
};

std::string AliasOf(const Link& link, size_t tildes) {
  char hex[32];
  std::snprintf(hex, sizeof(hex), "%lx", static_cast<unsigned long>(link.id.origin.incarnation));
  return link.name + "~" + std::to_string(link.id.origin.site) + "." + hex + "." +
         std::to_string(link.id.lsn) + std::string(tildes, '~');
}

}  // namespace

VisibleNames ReferenceNames(const std::vector<TestEntry>& entries) {
  Registers registers;
  for (const TestEntry& entry : entries) registers.Merge(entry);
  std::vector<Link> live = registers.LiveLinks();
  registers.CutCycles(&live);

  // The NameIndex rules.
  std::map<std::pair<Inode, std::string>, std::vector<Link>> groups;
  for (const Link& link : live) {
    if (registers.KindOf(link.parent) == Kind::kDirectory) {
      groups[{link.parent, link.name}].push_back(link);
    }
  }
  VisibleNames names;
  for (auto& [key, group] : groups) {
    std::sort(group.begin(), group.end(), Greater);
    std::set<Inode> shown;
    for (size_t i = 0; i < group.size(); i++) {
      if (!shown.insert(group[i].child).second) continue;
      std::string name = group[i].name;
      for (size_t tildes = 0; i > 0 && groups.contains({key.first, name}); tildes++) {
        name = AliasOf(group[i], tildes);
      }
      names.insert({key.first, name, group[i].child, group[i].id});
    }
  }
  return names;
}

VisibleNames NamesOf(const State& state, const std::set<Inode>& inodes) {
  VisibleNames names;
  for (Inode inode : inodes) {
    Result<InodeView> view = state.GetInode(inode);
    if (!view.ok()) continue;
    for (const VisibleLink& link : view->links) {
      names.insert({link.parent, link.name, inode, link.link});
    }
  }
  return names;
}

}  // namespace cfsrepl
