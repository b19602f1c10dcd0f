// Loads a module of the page from its source.
import { build } from 'esbuild';
import path from 'node:path';

export async function load(name) {
  const { outputFiles } = await build({
    entryPoints: [path.resolve(import.meta.dirname, '../../cmd/tutti/demo/web', name)],
    bundle: true,
    format: 'esm',
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
