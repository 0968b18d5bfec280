export { ConfigError, type ConfigIssue } from './config-error';
export { loadConfig, parseConfig } from './load';
export {
  DEFAULT_ADMIN_PORT,
  DEFAULT_CONDUIT_PORT,
  DRIFT_LIMIT_MS,
  type Config,
  type ConfigInput,
  type PeerConfig,
} from './schema';
export { asInFile, takeOver, type KeyChange, type TakenOver } from './take-over';
export { renderTemplate, type TemplateValues } from './template';
export { formatEndpoint, parseEndpoint, UUID_PATTERN, type Endpoint } from './values';
