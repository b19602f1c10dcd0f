// Builds dist: the client as one ES module, the React hooks as another beside it, and their types.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });

await build({
  entryPoints: ['src/index.ts'],
  outfile: 'dist/tutti.js',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: true,
});
await build({
  entryPoints: ['src/react.ts'],
  outfile: 'dist/react.js',
  bundle: true,
  external: ['react', '@tutti-rt/client'],
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: true,
});
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
cpSync('../../LICENSE', 'dist/LICENSE');
