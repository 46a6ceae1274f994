/** What the linter asks for; imports run one way only, folder by folder. */
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const FOLDERS = [
  'bin',
  'cli',
  'status',
  'certificates',
  'jetstream',
  'proxy',
  'server',
  'client',
  'store',
  'settings',
  'log',
  'process',
  'protocol',
];
const NODE_IO = ['net', 'tls', 'fs', 'fs/promises', 'child_process', 'cluster', 'http'];

/** What each folder of src may import from; everything else is refused. */
const MAY_IMPORT = {
  bin: ['cli'],
  cli: [
    'status',
    'certificates',
    'jetstream',
    'proxy',
    'server',
    'client',
    'store',
    'settings',
    'log',
    'process',
    'protocol',
  ],
  jetstream: ['proxy', 'server', 'client', 'store', 'settings', 'log', 'process', 'protocol'],
  status: ['jetstream', 'proxy', 'server', 'client', 'store', 'settings', 'log', 'process', 'protocol'],
  certificates: ['settings', 'log', 'process', 'protocol'],
  proxy: ['server', 'client', 'store', 'settings', 'log', 'process', 'protocol'],
  server: ['store', 'settings', 'log', 'process', 'protocol'],
  client: ['store', 'settings', 'log', 'process', 'protocol'],
  store: ['settings', 'log', 'process', 'protocol'],
  settings: ['log', 'process', 'protocol'],
  log: ['protocol'],
  process: ['protocol'],
  protocol: [],
};

const BROWSER = [
  'clearTimeout',
  'document',
  'DOMParser',
  'Element',
  'EventSource',
  'getSelection',
  'location',
  'setTimeout',
  'Text',
];

function layer([folder, allowed]) {
  const forbidden = FOLDERS.filter((other) => other !== folder && !allowed.includes(other));
  const pure = folder === 'protocol' ? [...NODE_IO.map((name) => `node:${name}`), 'pino'] : [];
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: pure.map((name) => ({ name, message: 'protocol/ is pure: no net, no tls, no fs, no log.' })),
          patterns: [
            {
              regex: `^(\\.\\./)+(${forbidden.join('|')})/`,
              message: `src/${folder} may import only from: ${[folder, ...allowed].join(', ')}.`,
            },
          ],
        },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'data_in/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // `satisfies never` in a default branch is how the compiler checks exhaustiveness.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNever: true }],
      'max-params': ['error', 5],
    },
  },
  {
    // Runs in the browser; `npm run types` knows its types.
    files: ['src/status/browser/live.js'],
    languageOptions: {
      globals: Object.fromEntries(BROWSER.map((name) => [name, 'readonly'])),
    },
  },
  { files: ['*.js'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
  ...Object.entries(MAY_IMPORT).map(layer),
);
