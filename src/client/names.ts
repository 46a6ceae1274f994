/** What the settings of a connection are called where somebody made them, for messages that say what to change. */

export interface SettingNames {
  readonly address: string;
  readonly password: string;
  readonly tls: string;
  readonly ca: string;
  readonly certificate: string;
}

/** Those of tentacle_client. */
export const FLAG_NAMES: SettingNames = {
  address: '-a',
  password: '-x',
  tls: '-c, -e',
  ca: '-f',
  certificate: '-e, -k',
};
