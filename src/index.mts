/** The same library for ESM: a thin face over the CommonJS one, so that there is one of everything. */
export * from './index.js';
