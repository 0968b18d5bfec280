// Adoption: a peer's checkpoint that was taken over (takeover.h) becomes the directory's own when
// it is opened. native/schema/FORMAT.md, "Data directory", has the order of steps.
#ifndef CFS_REPL_ENGINE_ADOPTION_H_
#define CFS_REPL_ENGINE_ADOPTION_H_

#include <string>

#include "base/status.h"
#include "engine/data_dir.h"
#include "io/file_system.h"

namespace cfsrepl {

// The peer's file, whole and verified; with ".new" behind it as far as it has come.
std::string TakenPath(const std::string& checkpoint_directory);

// Before anything of the directory is read. Does nothing where nothing was taken; begins again
// where an earlier start did not come to the end. kCorrupt, and nothing is adopted, if the file has
// been damaged since.
Status AdoptTaken(FileSystem* file_system, const DataDir& directory);

// For who found no whole checkpoint: kCorrupt, with what is `damaged`, if the journal alone does
// not have what the node holds.
Status CheckNeverAdopted(FileSystem* file_system, const DataDir& directory,
                         const std::string& damaged);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_ADOPTION_H_
