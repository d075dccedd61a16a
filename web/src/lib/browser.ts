// A browser's name for itself, in words. A guess for people to recognise a session by, and nothing that is decided on.

// In this order: each calls itself all of those below it.
const BROWSERS: [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bHeadlessChrome\/|\bChrome\/|\bCriOS\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
  [/^curl\//, 'curl'],
];

const SYSTEMS: [RegExp, string][] = [
  [/\bWindows\b/, 'Windows'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

export interface Browser {
  name: string | null;
  system: string | null;
}

export function browserOf(userAgent: string): Browser {
  const first = (list: [RegExp, string][]): string | null => list.find(([sign]) => sign.test(userAgent))?.[1] ?? null;
  return { name: first(BROWSERS), system: first(SYSTEMS) };
}
