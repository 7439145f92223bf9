// Takes the pictures of the README; `scripts/screenshots.sh` calls it. No test: it asserts nothing but that the pages
// come up.

import { defineConfig } from '@playwright/test';
import tests from '../playwright.config';

export default defineConfig(tests, { testDir: '.', outputDir: '../test-results/screenshots', testMatch: ['take.ts', 'story.ts'], workers: 1 });
