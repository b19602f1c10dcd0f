import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@tutti-rt/client': new URL('src/index.ts', import.meta.url).pathname } },
  test: {
    globalSetup: 'test/setup.ts',
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    maxWorkers: 2,
  },
});
