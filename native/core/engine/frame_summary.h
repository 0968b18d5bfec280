// What a frame's header says, in the engine's words.
#ifndef CFS_REPL_ENGINE_FRAME_SUMMARY_H_
#define CFS_REPL_ENGINE_FRAME_SUMMARY_H_

#include "engine/engine.h"
#include "frame/frame.h"

namespace cfsrepl {

FrameSummary Summarize(const FrameHead& head);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_FRAME_SUMMARY_H_
