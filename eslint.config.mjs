import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', 'tinytorch_milestones/labextension/', '.venv/'] },
  {
    // modules that a notebook's widgets load as they are
    files: ['tinytorch_milestones/widgets/*.js'],
    extends: [...tseslint.configs.strict],
    languageOptions: {
      globals: {
        clearTimeout: 'readonly',
        document: 'readonly',
        setTimeout: 'readonly',
        structuredClone: 'readonly'
      }
    },
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'no-undef': 'error',
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['labextension/**/*.ts', 'labextension/**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    plugins: { 'react-hooks': reactHooks },
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './labextension/tests/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'prefer-arrow-callback': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'react-hooks/rules-of-hooks': 'error',
      // Lab and Lumino lean on namespaces that share a class's name.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // node:test's `test` returns a promise that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['test'], package: 'node:test' }] }
      ]
    }
  }
);
