// Texts of a language (one-language.ts).
declare module 'virtual:messages/*' {
  const texts: readonly string[];
  export default texts;
}
