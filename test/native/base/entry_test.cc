#include "base/entry.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/eviction.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

using test::AsBytes;
using test::EntrySpec;
using test::MakeEntry;
using test::SomeAttributes;
using test::TestEntry;

const LinkId kLink{{5, 9}, 77};
const LinkId kReplaced{{6, 10}, 88};

struct Sample {
  Op op;
  EntryPayload parts;
};

EntryPayload Named() {
  EntryPayload parts;
  parts.parent = 11;
  parts.name = AsBytes("na\xffme");
  return parts;
}

Sample Birth(Op op, uint32_t mode) {
  Sample sample{op, Named()};
  sample.parts.attributes = SomeAttributes(kFieldsAll, mode);
  if (op == Op::Symlink) sample.parts.target = AsBytes("../elsewhere");
  return sample;
}

Sample Removal(Op op) {
  Sample sample{op, Named()};
  sample.parts.link = kLink;
  return sample;
}

Sample RenameOver(Inode replaced_inode) {
  Sample sample = Removal(Op::Rename);
  sample.parts.new_parent = 12;
  sample.parts.new_name = AsBytes("other");
  sample.parts.replaced_inode = replaced_inode;
  if (replaced_inode != 0) sample.parts.replaced_link = kReplaced;
  return sample;
}

Sample Change(Op op, uint32_t mask) {
  Sample sample{op, {}};
  sample.parts.attributes = SomeAttributes(mask, 0640);
  return sample;
}

Sample Xattr(Op op) {
  Sample sample{op, {}};
  sample.parts.key = AsBytes("user.key");
  if (op == Op::Setxattr) sample.parts.value = AsBytes(std::string_view("va\0lue", 6));
  return sample;
}

// One of each op.
std::vector<Sample> Samples() {
  return {Birth(Op::Create, 0100640),
          Birth(Op::Mkdir, 0040755),
          Birth(Op::Symlink, 0120777),
          {Op::Link, Named()},
          Removal(Op::Unlink),
          Removal(Op::Rmdir),
          RenameOver(0),
          RenameOver(13),
          Change(Op::Write, kFieldSize | kFieldMtime),
          Change(Op::Truncate, kFieldSize),
          Change(Op::Setattr, kFieldsAll),
          Xattr(Op::Setxattr),
          Xattr(Op::Removexattr)};
}

TestEntry Encode(const Sample& sample) {
  return MakeEntry({.op = sample.op, .lsn = 500}, sample.parts);
}

bool SameBytes(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

TEST(EntryPayload, EveryOpComesBackAsItWasWritten) {
  for (const Sample& sample : Samples()) {
    SCOPED_TRACE(OpName(sample.op));
    TestEntry entry = Encode(sample);
    auto decoded = DecodePayload(entry.header, entry.payload);
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    const EntryPayload& parts = decoded.value();
    EXPECT_EQ(std::memcmp(&parts.attributes, &sample.parts.attributes, sizeof(Attributes)), 0);
    EXPECT_EQ(parts.parent, sample.parts.parent);
    EXPECT_EQ(parts.new_parent, sample.parts.new_parent);
    EXPECT_EQ(parts.link, sample.parts.link);
    EXPECT_EQ(parts.replaced_inode, sample.parts.replaced_inode);
    EXPECT_EQ(parts.replaced_link, sample.parts.replaced_link);
    EXPECT_TRUE(SameBytes(parts.name, sample.parts.name));
    EXPECT_TRUE(SameBytes(parts.new_name, sample.parts.new_name));
    EXPECT_TRUE(SameBytes(parts.target, sample.parts.target));
    EXPECT_TRUE(SameBytes(parts.key, sample.parts.key));
    EXPECT_TRUE(SameBytes(parts.value, sample.parts.value));
    EXPECT_TRUE(ValidatePayload(entry.header, entry.payload).ok());
  }
}

TEST(EntryPayload, OfWriteTruncateAndSetattrIsExactlyTheAttributes) {
  for (Op op : {Op::Write, Op::Truncate, Op::Setattr}) {
    TestEntry entry = Encode(Change(op, kFieldsAll));
    Attributes attributes = SomeAttributes(kFieldsAll, 0640);
    ASSERT_EQ(entry.payload.size(), sizeof(attributes));
    EXPECT_EQ(std::memcmp(entry.payload.data(), &attributes, sizeof(attributes)), 0);
  }
}

TEST(EntryPayload, CutAnywhereOrContinuedIsMalformed) {
  size_t sizes = 0;
  for (const Sample& sample : Samples()) {
    TestEntry whole = Encode(sample);
    for (size_t size = 0; size <= whole.payload.size() + 1; ++size) {
      if (size == whole.payload.size()) continue;
      std::vector<uint8_t> payload = whole.payload;
      payload.resize(size);
      TestEntry entry = MakeEntry({.op = sample.op}, payload);
      ASSERT_EQ(DecodePayload(entry.header, entry.payload).status().code(), Code::kMalformed)
          << OpName(sample.op) << " of " << size << " bytes";
      ++sizes;
    }
  }
  printf("[   COUNT  ] %zu wrong sizes of payloads of all ops\n", sizes);
}

TEST(EntryPayload, ALengthThatLiesIsMalformed) {
  struct LengthField {
    Op op;
    size_t at;
    size_t bytes;
  };
  const LengthField kFields[] = {
      {Op::Create, 72, 2}, {Op::Mkdir, 72, 2},   {Op::Symlink, 72, 2}, {Op::Symlink, 74, 2},
      {Op::Link, 8, 2},    {Op::Unlink, 32, 2},  {Op::Rmdir, 32, 2},   {Op::Rename, 72, 2},
      {Op::Rename, 74, 2}, {Op::Setxattr, 0, 2}, {Op::Setxattr, 2, 4}, {Op::Removexattr, 0, 2},
  };
  size_t lies = 0;
  for (const LengthField& field : kFields) {
    for (const Sample& sample : Samples()) {
      if (sample.op != field.op) continue;
      TestEntry entry = Encode(sample);
      uint32_t right = 0;
      std::memcpy(&right, entry.payload.data() + field.at, field.bytes);
      for (uint32_t wrong : {uint32_t{0}, right - 1, right + 1, ~uint32_t{0}, ~uint32_t{0} >> 1}) {
        std::memcpy(entry.payload.data() + field.at, &wrong, field.bytes);
        EXPECT_EQ(DecodePayload(entry.header, entry.payload).status().code(), Code::kMalformed)
            << OpName(field.op) << " at " << field.at << " says " << wrong;
        ++lies;
      }
    }
  }
  printf("[   COUNT  ] %zu lengths in payloads that lie: 0, -1, one off, 2^31-1\n", lies);
}

struct Refusal {
  const char* rule;
  Sample sample;
  EntrySpec spec;
  const char* message_part;
};

Sample With(Sample sample, const std::function<void(EntryPayload*)>& change) {
  change(&sample.parts);
  return sample;
}

TEST(EntryPayload, EveryRuleIsChecked) {
  const std::string kLong256(256, 'a');
  const std::string kLong4096(4096, 'a');
  const std::string kLong65537(65537, 'a');
  auto name = [](std::string_view text) {
    return With({Op::Link, Named()}, [=](EntryPayload* parts) { parts->name = AsBytes(text); });
  };
  auto birth = [](Op op, uint32_t mode, uint32_t mask, uint32_t rdev) {
    return With(Birth(op, mode), [=](EntryPayload* parts) {
      parts->attributes = Attributes(mask, mode, 0, 0, 0, 0, 0, 0, rdev, 0, 0, 0);
    });
  };
  auto change = [](Op op, uint32_t mask, uint32_t mode, uint32_t rdev, uint32_t reserved) {
    return With(Change(op, 1), [=](EntryPayload* parts) {
      parts->attributes = Attributes(mask, mode, 0, 0, 0, 0, 0, 0, rdev, 0, 0, reserved);
    });
  };
  auto target = [](std::string_view text) {
    return With(Birth(Op::Symlink, 0120777),
                [=](EntryPayload* parts) { parts->target = AsBytes(text); });
  };
  auto key = [](std::string_view text) {
    return With(Xattr(Op::Removexattr), [=](EntryPayload* parts) { parts->key = AsBytes(text); });
  };
  auto link = [](Op op, LinkId id) {
    return With(op == Op::Rename ? RenameOver(0) : Removal(op),
                [=](EntryPayload* parts) { parts->link = id; });
  };
  const Refusal kRefusals[] = {
      {"inode", Change(Op::Setattr, 1), {.inode = 0}, "inode is 0"},
      {"flags", Change(Op::Setattr, 1), {.flags = 2}, "flags are 2"},
      {"schema 0", Change(Op::Setattr, 1), {.schema = 0}, "schema is 0"},
      {"empty name", name(""), {}, "expected 1 to 255"},
      {"long name", name(kLong256), {}, "has 256 bytes"},
      {"dot", name("."), {}, "reserved"},
      {"dot dot", name(".."), {}, "reserved"},
      {"slash", name("a/b"), {}, "slash"},
      {"NUL", name(std::string_view("a\0b", 3)), {}, "NUL"},
      {"parent 0", With({Op::Link, Named()}, [](auto* p) { p->parent = 0; }), {}, "parent is 0"},
      {"own parent", {Op::Link, Named()}, {.inode = 11}, "parent is the inode itself"},
      {"the root named", {Op::Link, Named()}, {.inode = 1}, "root"},
      {"the root made", Birth(Op::Mkdir, 0040755), {.inode = 1}, "root"},
      {"the root removed", Removal(Op::Rmdir), {.inode = 1}, "root"},
      {"the root replaced", RenameOver(1), {}, "root"},
      {"new parent 0", With(RenameOver(0), [](auto* p) { p->new_parent = 0; }), {}, "new_parent"},
      {"into itself", RenameOver(0), {.inode = 12}, "new_parent is the inode itself"},
      {"new name", With(RenameOver(0), [](auto* p) { p->new_name = {}; }), {}, "new_name"},
      {"replaced link without inode",
       With(RenameOver(0), [](auto* p) { p->replaced_link = kReplaced; }),
       {},
       "replaced_inode"},
      {"replaced inode without link",
       With(RenameOver(13), [](auto* p) { p->replaced_link = {}; }),
       {},
       "replaced_link"},
      {"link of no site", link(Op::Unlink, {{0, 9}, 77}), {}, "site 0"},
      {"link of no LSN", link(Op::Rmdir, {{5, 9}, 0}), {}, "LSN 0"},
      {"link past the last LSN", link(Op::Rename, {{5, 9}, kLsnMax + 1}), {}, "2^48-1"},
      {"file made by mkdir", birth(Op::Mkdir, 0100755, 63, 0), {}, "type bits"},
      {"directory made by create", birth(Op::Create, 0040755, 63, 0), {}, "type bits"},
      {"symlink made by create", birth(Op::Create, 0120777, 63, 0), {}, "type bits"},
      {"no type", birth(Op::Create, 0644, 63, 0), {}, "type bits"},
      {"mode past 16 bits", birth(Op::Create, 0100644 | 1 << 20, 63, 0), {}, "mode"},
      {"unknown field at birth", birth(Op::Create, 0100644, 64, 0), {}, "mask is 64"},
      {"rdev of a file", birth(Op::Create, 0100644, 63, 5), {}, "rdev"},
      {"unknown field", change(Op::Setattr, 64, 0, 0, 0), {}, "mask is 64"},
      {"no field", change(Op::Setattr, 0, 0, 0, 0), {}, "mask is 0"},
      {"write without size", change(Op::Write, kFieldMtime, 0, 0, 0), {}, "no size"},
      {"truncate without size", change(Op::Truncate, kFieldMtime, 0, 0, 0), {}, "no size"},
      {"type bits in setattr", change(Op::Setattr, 1, 0100644, 0, 0), {}, "permission bits"},
      {"rdev in setattr", change(Op::Setattr, 1, 0, 1, 0), {}, "rdev"},
      {"reserved", change(Op::Setattr, 1, 0, 0, 1), {}, "reserved"},
      {"empty target", target(""), {}, "target has 0"},
      {"long target", target(kLong4096), {}, "target has 4096"},
      {"NUL in target", target(std::string_view("a\0", 2)), {}, "NUL"},
      {"empty key", key(""), {}, "key has 0"},
      {"long key", key(kLong256), {}, "key has 256"},
      {"NUL in key", key(std::string_view("a\0", 2)), {}, "NUL"},
      {"long value",
       With(Xattr(Op::Setxattr), [&](auto* p) { p->value = AsBytes(kLong65537); }),
       {},
       "65537"},
  };
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.rule);
    EntrySpec spec = refusal.spec;
    spec.op = refusal.sample.op;
    spec.lsn = 4711;
    TestEntry entry = MakeEntry(spec, refusal.sample.parts);
    Status status = DecodePayload(entry.header, entry.payload).status();
    EXPECT_EQ(status.code(), Code::kMalformed);
    EXPECT_NE(status.message().find(refusal.message_part), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("4711"), std::string::npos) << status.message();
    EXPECT_EQ(ValidatePayload(entry.header, entry.payload).message(), status.message());
  }
  printf("[   COUNT  ] %zu broken rules of entries, each named\n", std::size(kRefusals));
}

TEST(EntryPayload, ReservedFieldsAreZero) {
  for (size_t at : {52, 55, 56, 63}) {  // of the header
    TestEntry entry = Encode(Change(Op::Setattr, 1));
    reinterpret_cast<uint8_t*>(&entry.header)[at] = 1;
    EXPECT_EQ(DecodePayload(entry.header, entry.payload).status().code(), Code::kMalformed) << at;
  }
  for (size_t at : {26, 28, 31}) {  // of unlink's link identity, which starts at 8
    TestEntry entry = Encode(Removal(Op::Unlink));
    entry.payload[at] = 1;
    EXPECT_EQ(DecodePayload(entry.header, entry.payload).status().code(), Code::kMalformed) << at;
  }
}

TEST(EntryPayload, DevicesHaveANumberAndEveryFileTypeCanBeMade) {
  for (uint32_t mode : {0100644, 0010644, 0140644, 0020644, 0060644}) {
    bool is_device = mode == 0020644 || mode == 0060644;
    Sample sample = Birth(Op::Create, mode);
    sample.parts.attributes =
        Attributes(kFieldsAll, mode, 0, 0, 0, 0, 0, 0, is_device ? 259 : 0, 0, 0, 0);
    TestEntry entry = Encode(sample);
    EXPECT_TRUE(ValidatePayload(entry.header, entry.payload).ok()) << std::oct << mode;
  }
}

TEST(EntryPayload, ANewerOpOrSchemaIsUnsupportedNotMalformed) {
  TestEntry newer_op = MakeEntry({.op = static_cast<Op>(16)}, std::vector<uint8_t>{1, 2, 3});
  TestEntry newer_schema = MakeEntry({.flags = 0xffff, .schema = 2}, std::vector<uint8_t>{1, 2, 3});
  for (const TestEntry& entry : {newer_op, newer_schema}) {
    EXPECT_EQ(DecodePayload(entry.header, entry.payload).status().code(), Code::kUnsupported);
    EXPECT_EQ(ValidatePayload(entry.header, entry.payload).code(), Code::kUnsupported);
  }
  TestEntry no_op = MakeEntry({.op = Op::None}, std::vector<uint8_t>{});
  EXPECT_EQ(ValidatePayload(no_op.header, no_op.payload).code(), Code::kMalformed);
}

TEST(EntryPayload, TheLargestPayloadFitsTheLimit) {
  const std::string key(limits::kXattrKeyBytesMax, 'k');
  const std::string value(limits::kXattrValueBytesMax, 'v');
  Sample sample{Op::Setxattr, {}};
  sample.parts.key = AsBytes(key);
  sample.parts.value = AsBytes(value);
  TestEntry entry = Encode(sample);
  EXPECT_TRUE(ValidatePayload(entry.header, entry.payload).ok());
  EXPECT_LE(entry.payload.size(), limits::kEntryPayloadBytesMax);
}

TestEntry Evict(const EvictionEntry& eviction, const EntrySpec& spec = {.inode = kRootInode}) {
  std::vector<uint8_t> payload;
  EncodeEviction(eviction, &payload);
  EntrySpec evict = spec;
  evict.op = Op::Evict;
  return MakeEntry(evict, payload);
}

TEST(Eviction, ComesBackAsItWasWritten) {
  const TestEntry entry = Evict({0xfffe, ~uint64_t{0}});
  ASSERT_EQ(entry.payload.size(), 16u);
  EXPECT_TRUE(ValidatePayload(entry.header, entry.payload).ok());
  const auto decoded = DecodeEviction(entry.header, entry.payload);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->site, 0xfffe);
  EXPECT_EQ(decoded->incarnation, ~uint64_t{0});
}

TEST(Eviction, OfNoSiteOrWithAnythingElseIsMalformed) {
  TestEntry reserved = Evict({3, 9});
  TestEntry cut = reserved, longer = reserved;
  reserved.payload[10] = 1;
  cut.payload.pop_back();
  longer.payload.push_back(0);
  for (const TestEntry& entry :
       {Evict({0, 9}), Evict({3, 9}, {.inode = 2}),
        Evict({3, 9}, {.inode = kRootInode, .flags = kEntryAssertsLinks}),
        MakeEntry({.op = Op::Evict, .inode = kRootInode}, reserved.payload),
        MakeEntry({.op = Op::Evict, .inode = kRootInode}, cut.payload),
        MakeEntry({.op = Op::Evict, .inode = kRootInode}, longer.payload)}) {
    const Status status = ValidatePayload(entry.header, entry.payload);
    EXPECT_EQ(status.code(), Code::kMalformed);
    EXPECT_NE(status.message().find("(evict)"), std::string::npos) << status.message();
  }
}

TEST(ValidateName, TakesAnyBytesButSlashAndNul) {
  for (int byte = 1; byte < 256; ++byte) {
    std::string name = {'x', static_cast<char>(byte)};
    EXPECT_EQ(ValidateName(AsBytes(name)).ok(), byte != '/') << byte;
  }
  EXPECT_TRUE(ValidateName(AsBytes("...")).ok());
  EXPECT_TRUE(ValidateName(AsBytes(std::string(255, 'a'))).ok());
}

TEST(QuoteBytes, ShowsPrintableAsciiAndEscapesTheRest) {
  EXPECT_EQ(QuoteBytes(AsBytes("plain name")), "\"plain name\"");
  EXPECT_EQ(QuoteBytes(AsBytes("\"\\\n\xff")), "\"\\\"\\\\\\x0a\\xff\"");
  EXPECT_EQ(QuoteBytes(AsBytes(std::string(65, 'a'))), "\"" + std::string(64, 'a') + "\"...");
}

TEST(OpName, KnowsAll) {
  EXPECT_EQ(OpName(Op::Create), "create");
  EXPECT_EQ(OpName(Op::Removexattr), "removexattr");
  EXPECT_EQ(OpName(Op::Evict), "evict");
  EXPECT_EQ(OpName(static_cast<Op>(16)), "unknown");
}

}  // namespace
}  // namespace cfsrepl
