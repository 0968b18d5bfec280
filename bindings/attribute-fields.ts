/** `Field` of native/core/base/entry.h: what `Attributes.mask` says was given. */
export const FIELD_MODE = 1;
export const FIELD_OWNER = 2;
export const FIELD_SIZE = 4;
export const FIELD_ATIME = 8;
export const FIELD_MTIME = 16;
export const FIELD_FLAGS = 32;
