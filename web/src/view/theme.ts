// Light or dark: the system's choice unless somebody chose here. The choice is an attribute on <html>.

import { recall, remember } from '../room/device';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export function currentTheme(): Theme {
  const kept = recall('theme') as Theme | null;
  return kept && THEMES.includes(kept) ? kept : 'system';
}

export function applyTheme(theme: Theme = currentTheme()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function chooseTheme(theme: Theme): void {
  remember('theme', theme === 'system' ? null : theme);
  applyTheme(theme);
}
