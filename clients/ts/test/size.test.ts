import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

async function bundle(minify: boolean) {
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/index.ts'],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    minify,
    write: false,
    metafile: true,
  });
  return { file: outputFiles[0]?.contents ?? new Uint8Array(), metafile };
}

test('the module is below 12 KB, minified and gzipped, and one file without imports', async () => {
  const { file, metafile } = await bundle(true);
  expect(file.length).toBeGreaterThan(1000);
  expect(gzipSync(file, { level: 9 }).length).toBeLessThan(12_000);
  for (const output of Object.values(metafile.outputs)) expect(output.imports).toEqual([]);
  for (const input of Object.keys(metafile.inputs)) expect(input).toMatch(/^src\//);
});
